"""What runs inside the private namespace: the engine, the images, the test programs. Started by `run.py` only."""

import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from conformance.complement import deployment, engine, image, suite
from conformance.peers.together import check_together


@dataclass(frozen=True)
class Plan:
    """What the outer process prepared; `servers` maps `""`, `hs1`, `hs2` to `timserver` or `synapse`."""

    folder: str
    servers: dict[str, str]
    programs: list[suite.Program]
    pattern: str
    outage_s: int = 0
    """How long one of two servers is away, when what they do together is checked (`conformance/peers`)."""


def main(argv: list[str]) -> int:
    """Carry out the plan in the file named; without programs only the deployment is checked."""
    plan = msgspec.json.decode(Path(argv[0]).read_bytes(), type=Plan)
    folder = Path(plan.folder)
    with engine.running(folder):
        built = {server: image.build(server) for server in sorted(set(plan.servers.values()))}
        if not plan.programs and "hs2" in plan.servers:
            return check_together(built[plan.servers[""]], built[plan.servers["hs2"]], plan.outage_s)
        if not plan.programs:
            return deployment.check(built[plan.servers[""]])
        images = {name: built[server] for name, server in plan.servers.items()}
        for program in plan.programs:
            suite.run(program, images, image.mounts(), plan.pattern, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
