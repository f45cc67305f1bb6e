"""What every command that works with settings does first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.logs import configure_logs
from worker.settings import Settings, load_settings

if TYPE_CHECKING:
    import click


def settings_of(ctx: click.Context) -> Settings:
    """The settings of this call, read once; from then on events are logged as they say.

    Raises:
        SettingsError: a setting is wrong.
    """
    root = ctx.find_root()
    if not isinstance(root.obj, Settings):
        root.obj = load_settings(root.params.get("config"))
        configure_logs(root.obj.log)
    return root.obj
