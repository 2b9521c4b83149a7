"""Lumen, a product that does not exist: its documentation, and what is true of it."""

from __future__ import annotations

from pathlib import Path

PAGES = {
    "index.md": """# Lumen

Lumen collects readings from sensors and shows them on dashboards. It runs on Linux and macOS.

## How Lumen works

Every sensor sends its readings to the Lumen server over HTTP. The server keeps them in a single SQLite file.

## What Lumen does not do

Lumen does not send e-mail. It has no mobile app.
""",
    "start.md": """# Start and stop

## Start the server

Run `lumen start` to start the server:

```bash
lumen start --detach
```

The server listens on port 7070 by default. Use `--port` to choose another port.

## Stop the server

Run `lumen stop` to stop the server. Readings that are still in memory are written to disk first.

## Start at boot

1. Copy `lumen.service` to `/etc/systemd/system`.
2. Run `systemctl enable lumen`.
3. Restart the machine.
""",
    "configuration.md": """# Configuration

Lumen reads its settings from `/etc/lumen/lumen.toml`. A setting in the file overrides the built-in default.

## Settings

| Setting | Default | Meaning |
|---|---|---|
| `retention_days` | 30 | Days after which readings are deleted. |
| `max_sensors` | 200 | Sensors that may be connected at once. |
| `log_level` | info | Least severe level that is logged. |

## Change a setting without a restart

Send the server a SIGHUP signal and it reads the file again. The port cannot be changed this way.

## Dark mode

Dark mode is off by default. Set `theme = "dark"` to turn it on.
""",
    "logs.md": """# Logs

Lumen writes its log files to `/var/log/lumen`. A new file is begun every day, and files older than 14 days are
deleted.

## Read the logs

Run `lumen logs --follow` to watch the log while it is written.

## Debug output

Set `log_level` to `debug` to log every request. Debug output slows the server down.
""",
    "backup.md": """# Backup and restore

## Back up

Stop the server before you make a backup. Then copy the database file:

```bash
lumen stop
cp /var/lib/lumen/readings.db /backup/readings.db
lumen start
```

A backup holds readings and dashboards, but not the settings.

## Restore

Run `lumen restore FILE` with the server stopped. Restoring replaces all readings.
""",
    "sensors.md": """# Sensors

## Connect a sensor

Create a token with `lumen token create NAME` and put it into the sensor's configuration. A token is valid for 90 days.

## Sensor is shown as offline

A sensor is shown as offline when it has sent nothing for 5 minutes. Check that its clock is right: readings from the
future are refused.

## Remove a sensor

Run `lumen sensor remove NAME`. Its readings are kept until `retention_days` have passed.
""",
}


def write_pages(folder: Path, pages: dict[str, str] = PAGES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
