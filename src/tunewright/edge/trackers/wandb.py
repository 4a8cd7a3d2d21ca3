"""Weights & Biases, by its own client; offline unless the recipe says otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import wandb
from wandb.env import error_reporting_enabled

from tunewright.core.errors import OutsideError
from tunewright.core.ports import Measured, TrackedRun
from tunewright.recipe.options.trackers.wandb import Options

EXIT = {"done": 0, "stopped": 75, "failed": 1}
INIT_S = 20.0
FINISH_S = 30.0
"""How long the client may wait for a server at the beginning and at the end."""
FLUSH_S = 1.0
"""How often the client writes its file: what it still holds is lost when it is killed."""


class Work:
    """One W&B run a key. W&B takes no step twice: of a step that is measured again, the first numbers stand."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._run: Any = None
        self._last: dict[str, int] = {}
        self._first_step = 0

    def open(self, run: TrackedRun) -> None:
        """Begin the run whose id is the key, or go on with it.

        Offline, each process writes a folder of its own, complete from the first step on. Raises OutsideError while
        the client would report errors to its makers: only a variable of the process switches that off.
        """
        if error_reporting_enabled():
            raise OutsideError(
                "the W&B client would send error reports to its makers.",
                where="output.trackers",
                do="Set WANDB_ERROR_REPORTING=false before Python starts.",
            )
        self._run = wandb.init(
            id=run.key,
            name=run.name,
            project=self.options.project,
            entity=self.options.entity,
            dir=run.folder,
            mode=self.options.mode,
            resume="allow",
            reinit="create_new",
            config={"recipe": run.options, "used": run.used},
            settings=self._settings(),
        )
        self._last, self._first_step = {}, self._run.starting_step

    def send(self, numbers: Sequence[Measured]) -> None:
        """Log numbers at their steps; those that W&B has already are left out."""
        for each in numbers:
            newest = max(self._last.values(), default=0)
            known = any(self._last.get(name, 0) >= each.step for name in each.values)
            if known or each.step < max(newest, self._first_step):
                continue
            self._run.log({**each.values, "time_s": each.time_s}, step=each.step)
            self._last |= dict.fromkeys(each.values, each.step)

    def close(self, *, status: Literal["done", "stopped", "failed"], results: Mapping[str, float]) -> None:
        """Write the final numbers into the summary and end the run; W&B's own process ends with ours."""
        for name, value in results.items():
            self._run.summary[f"final_{name}"] = value
        self._run.finish(exit_code=EXIT[status])

    def _settings(self) -> wandb.Settings:
        """Numbers and the recipe go out, nothing else: no console, code, host, packages or load of the machine."""
        settings = wandb.Settings(
            silent=True,
            console="off",
            host="-",
            disable_git=True,
            disable_code=True,
            disable_job_creation=True,
            x_disable_meta=True,
            x_disable_machine_info=True,
            x_disable_stats=True,
            x_save_requirements=False,
            init_timeout=INIT_S,
            finish_timeout=FINISH_S,
            finish_timeout_raises=True,
            x_transaction_log_flush_interval=FLUSH_S,
        )
        if self.options.url:
            settings.base_url = self.options.url
        return settings
