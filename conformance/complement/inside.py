"""What runs inside the private namespace: the engine, the images, the test programs. Started by `run.py` only."""

import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from conformance.complement import deployment, engine, image, suite


@dataclass(frozen=True)
class Plan:
    """What the outer process prepared; `servers` maps `""`, `hs1`, `hs2` to `timserver` or `synapse`."""

    folder: str
    servers: dict[str, str]
    programs: list[suite.Program]
    pattern: str


def main(argv: list[str]) -> int:
    """Carry out the plan in the file named; without programs only the deployment is checked."""
    plan = msgspec.json.decode(Path(argv[0]).read_bytes(), type=Plan)
    folder = Path(plan.folder)
    with engine.running(folder):
        built = {server: image.build(server) for server in sorted(set(plan.servers.values()))}
        if not plan.programs:
            base = built[plan.servers[""]]
            return deployment.check(base, built[plan.servers["hs2"]] if "hs2" in plan.servers else None)
        images = {name: built[server] for name, server in plan.servers.items()}
        for program in plan.programs:
            suite.run(program, images, image.mounts(), plan.pattern, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
