"""SQL that is run for every message: compiled once, then given to the driver as it is.

SQLAlchemy's way from a statement to the driver takes several times as long as SQLite does. What is
written here is still its Core, for whatever database it is compiled for.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


class Statement:
    """A statement of SQLAlchemy's Core.

    Its parameters are those that it names, and the columns that an INSERT or UPDATE sets. Values go
    to the driver, and come back from it, in the driver's own types. ``in_()`` is not for here.
    """

    def __init__(self, core: Any) -> None:
        self._core = core
        self._compiled: dict[tuple[str, ...], _Compiled] = {}

    def values(self, **values: Any) -> "Statement":
        """The same INSERT or UPDATE with columns that are always set so."""
        return Statement(self._core.values(**values))

    def where(self, *conditions: Any) -> "Statement":
        """The same with more conditions."""
        return Statement(self._core.where(*conditions))

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> Sequence[Any]:
        """Run it; the rows that it gives back, as named tuples.

        Raises:
            sqlalchemy.exc.DBAPIError: as SQLAlchemy itself would.
        """
        compiled = self._compiled.get(tuple(parameters)) or self._compile(connection, parameters)
        cursor = connection.connection.cursor()
        try:
            cursor.execute(compiled.sql, compiled.bind(parameters))
            return [compiled.row(*row) for row in cursor.fetchall()] if compiled.row else ()
        except Exception as error:
            raise _as_sqlalchemys(connection, compiled.sql, error) from error
        finally:
            cursor.close()

    def first(self, connection: Connection, parameters: Mapping[str, Any]) -> Any:
        """The first row, or None."""
        rows = self.run(connection, parameters)
        return rows[0] if rows else None

    def _compile(self, connection: Connection, parameters: Mapping[str, Any]) -> "_Compiled":
        compiler = self._core.compile(dialect=connection.dialect, column_keys=list(parameters))
        compiled = self._compiled[tuple(parameters)] = _Compiled(compiler)
        return compiled


class _Compiled:
    """What the driver needs."""

    def __init__(self, compiler: Any) -> None:
        self.sql = str(compiler)
        columns = [entry.keyname for entry in compiler._result_columns]  # noqa: SLF001 - no other
        self.row = _row_type(columns) if columns else None
        self._constants = dict(compiler.params)
        for column in compiler.insert_prefetch if compiler.isinsert else ():
            self._constants[column.key] = column.default.arg
        self._order: Sequence[str] | None = compiler.positiontup

    def bind(self, parameters: Mapping[str, Any]) -> Any:
        values = {**self._constants, **parameters}
        return values if self._order is None else [values[name] for name in self._order]


def _row_type(columns: Sequence[str]) -> Callable[..., Any]:
    return namedtuple("Row", columns)  # noqa: PYI024 - which columns, is known here only


def _as_sqlalchemys(connection: Connection, sql: str, error: Exception) -> BaseException:
    dialect = connection.dialect
    base: type[Exception] = dialect.loaded_dbapi.Error
    return DBAPIError.instance(sql, None, error, base, hide_parameters=True, dialect=dialect)
