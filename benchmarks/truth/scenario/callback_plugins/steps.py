"""Writes what Ansible says of each task as a line of JSON to the file named by TRUTH_EVENTS.

ansible-core has no callback for programs; this one uses the interface that its own are made with.
"""

import json
import os
from pathlib import Path

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: steps
type: notification
short_description: one line of JSON for each task
description: One line of JSON for each task and handler, to the file named by TRUTH_EVENTS.
"""


class CallbackModule(CallbackBase):
    """How each task ended."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "steps"

    def v2_runner_on_ok(self, result):
        self._write(result, "changed" if result.result.get("changed") else "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._write(result, "failed", ignored=ignore_errors)

    def v2_runner_on_skipped(self, result):
        self._write(result, "skipped")

    def v2_runner_on_unreachable(self, result):
        self._write(result, "failed")

    def _write(self, result, outcome, **more):
        line = {
            "task": result.task.get_name(),
            "outcome": outcome,
            "message": str(result.result.get("msg", "")),
            **more,
        }
        with Path(os.environ["TRUTH_EVENTS"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
