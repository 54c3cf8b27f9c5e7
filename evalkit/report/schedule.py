"""Being called at the right time: snippets for the schedulers that people have, and a service for those without one."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

FORMS = ("cron", "systemd", "github", "airflow")


def snippet(whom: str, plan: Path, root: Path) -> str:
    """What the scheduler `whom` needs.

    It calls every ten minutes: a tick that finds nothing due costs a second, and one that comes late or twice does no
    harm.
    """
    # Schedulers know neither this shell's PATH nor its folder, from which the plan's own paths are told.
    program, here = shutil.which("evalkit") or "evalkit", Path.cwd()
    arguments = [program, "report", "tick", str(plan.resolve()), "--root", str(root.resolve())]
    call = shlex.join(arguments)
    if whom == "cron":
        line = f"cd {shlex.quote(str(here))} && {call} --quiet"
        return f"# crontab -e\n*/10 * * * * {line.replace('%', chr(92) + '%')}\n"
    if whom == "systemd":
        quoted = " ".join(f'"{part}"' if " " in part else part for part in arguments).replace("%", "%%")
        folder = str(here).replace("%", "%%")
        return (
            "# ~/.config/systemd/user/evalkit-report.service\n[Unit]\nDescription=Reports of evalkit\n\n"
            f"[Service]\nType=oneshot\nWorkingDirectory={folder}\nExecStart={quoted} --quiet\n"
            "SuccessExitStatus=1\n\n"
            "# ~/.config/systemd/user/evalkit-report.timer\n[Unit]\nDescription=Reports of evalkit\n\n"
            "[Timer]\nOnCalendar=*:0/10\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n\n"
            "# systemctl --user enable --now evalkit-report.timer\n"
        )
    if whom == "github":
        return (
            "# .github/workflows/report.yml; schedules of GitHub run late under load, and end after 60 quiet days:\n"
            "# let something else call `evalkit report check` too.\n"
            'name: report\non:\n  schedule:\n    - cron: "17 * * * *"\n  workflow_dispatch:\njobs:\n  report:\n'
            "    runs-on: ubuntu-latest\n    concurrency: report\n    steps:\n      - uses: actions/checkout@v5\n"
            "      - uses: actions/setup-python@v6\n        with:\n          python-version: '3.11'\n"
            "      - run: pip install 'winnow-workbench[train]'\n"
            "      - uses: actions/cache@v4\n        with:\n          path: workspace\n"
            "          key: workspace-${{ github.run_id }}\n          restore-keys: workspace-\n"
            f"      - run: evalkit report tick {shlex.quote(str(plan))} --root workspace\n"
            "      - uses: actions/upload-artifact@v5\n        if: always()\n        with:\n          name: reports\n"
            "          path: workspace/reports\n"
        )
    return (
        "from datetime import datetime, timedelta\n\nfrom airflow import DAG\n"
        "from airflow.providers.standard.operators.bash import BashOperator\n\n"
        'with DAG("evalkit_report", start_date=datetime(2026, 1, 1), schedule=timedelta(minutes=10), catchup=False,\n'
        f'         max_active_runs=1):\n    BashOperator(task_id="tick", bash_command={call!r}, cwd={str(here)!r})\n'
    )


def serve(look: Callable[[], None], seconds: float, times: int | None = None) -> int:
    """Call `look` at once and then every so many seconds, until interrupted or for so many times; how often it was.

    Looks that were missed while one took long, or the machine slept, are one look when it wakes.
    """
    from apscheduler.schedulers.blocking import BlockingScheduler  # type: ignore[import-untyped, unused-ignore]

    done = 0
    look()
    done += 1
    if times is not None and done >= times:
        return done
    scheduler = BlockingScheduler(timezone="UTC")

    def again() -> None:
        nonlocal done
        look()
        done += 1
        if times is not None and done >= times:
            scheduler.shutdown(wait=False)

    scheduler.add_job(again, "interval", seconds=seconds, coalesce=True, max_instances=1, misfire_grace_time=None)
    try:
        scheduler.start()
    except (KeyboardInterrupt, SystemExit):
        scheduler.shutdown(wait=False)
        raise
    return done
