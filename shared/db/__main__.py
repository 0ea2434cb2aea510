"""`python -m shared.db`: migrates the database named by DATABASE_URL and exits."""

from __future__ import annotations

from shared import log
from shared.cli.run import as_program
from shared.db.errors import translated
from shared.db.migrate import migrate_and_wait
from shared.settings import DatabaseSettings, LogSettings, load


class _Settings(DatabaseSettings, LogSettings):
    pass


@as_program
def main() -> None:
    """Exit code 0 when the schema is current."""
    settings = load(_Settings)
    log.configure("migrate", settings)
    with translated(settings.database_url):
        migrate_and_wait(settings.database_url)


if __name__ == "__main__":
    main()
