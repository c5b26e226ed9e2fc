"""Autobahn's cases for RFC 6455, run by kosoku against the echo on our transport.

    conformance()            all cases but compression's: 10 s
    conformance(["1.*"])     some

kosoku changes the interpreter that it runs in (its search path, a function of `binascii`), so it gets one of its own:
`python -m bench.conformance URL CASE...` prints one JSON line per case.
*Source*: https://github.com/crossbario/autobahn-testsuite, through kosoku 0.1.0.
To test: `tests/bench/test_conformance.py`; all cases, `tests/conformance/test_conformance.py`.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from demo_client.children import ChildFailed, Children

PARALLEL = 2
WITHIN_S = 540.0
NEVER_NEGOTIATED = ("12.*", "13.*")
"""Compression, which the wire forbids: the cases would all be "unimplemented"."""
ACCEPTED = ("OK", "NON-STRICT", "INFORMATIONAL")

EXPECTED = {
    "7.1.5": "a close within a fragmented message is answered 1002, not 1000: websockets documents this as its choice",
}
"""Cases that fail, each with its reason; one that passes must leave this list."""


@dataclass(slots=True)
class Conformance:
    """How the cases went. `failed` says of each failed case what kosoku said, `verdicts` counts all verdicts."""

    cases: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    def add(self, case: dict[str, str]) -> None:
        """Count one case."""
        self.cases += 1
        self.verdicts[case["behavior"]] += 1
        if case["behavior"] not in ACCEPTED or case["close"] not in ACCEPTED:
            self.failed[case["id"]] = f"{case['behavior']}, close {case['close']}: {case['why']}"

    @property
    def unexpected(self) -> dict[str, str]:
        """The failures that nothing explains."""
        return {name: why for name, why in self.failed.items() if name not in EXPECTED}


def conformance(cases: Sequence[str] = ()) -> Conformance:
    """Run cases (ids or globs; none: all) against a fresh echo server. *Raises* `ChildFailed`."""
    result = Conformance()
    with Children() as children:
        server = children.start_server(["bench.echo"])
        done = subprocess.run(
            [sys.executable, "-m", "bench.conformance", server.url(), *cases],
            cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False, timeout=WITHIN_S,
        )  # fmt: skip
        for line in done.stdout.splitlines():
            result.add(json.loads(line))
        if not result.cases or done.returncode:
            raise ChildFailed(f"kosoku ended with {done.returncode}\n{done.stderr[-2000:]}")
        if server.errors_logged() or not server.alive:
            result.complaints.append(server.log()[-4000:])
    return result


async def _run(url: str, cases: list[str]) -> None:
    import kosoku

    excluded = [] if cases else list(NEVER_NEGOTIATED)
    try:
        results = await kosoku.run_fuzzingclient(url, cases or None, excluded, PARALLEL)
    except kosoku.FailureError as failure:
        results = failure.results
    for each in results:
        told = {
            "id": each.case_id, "behavior": each.behavior.value, "close": each.behavior_close.value,
            "why": f"{each.result} {each.result_close}",
        }  # fmt: skip
        print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], sys.argv[2:]))
    sys.stdout.flush()
    # kosoku's threads outlive the interpreter, and now and then abort the process while that shuts down.
    os._exit(0)
