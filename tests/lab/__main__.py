"""A cluster to experiment with: ``python -m tests.lab start``, then ``status``, ``shell``, ``cut``, ``kill``."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tests.lab import record
from tests.lab.base import NODE_ENV, LabError, Options
from tests.lab.cluster import Cluster
from tests.lab.resources import DEMO_RESOURCES
from tests.lab.systems import missing_prerequisites

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EPILOG = """\
examples:
  python -m tests.lab start --nodes 3 --rings 2
  python -m tests.lab exec node1 -- crm_mon -1
  python -m tests.lab cut node3 1        # node3 loses its second ring
  python -m tests.lab kill node2         # pull the plug; "boot node2" plugs it in again
  python -m tests.lab stop

Nothing outside the lab is touched: nodes are namespaces without any link to the machine's own network.
"""


def start(arguments: argparse.Namespace) -> int:
    """Starts a keeper, which owns the lab and outlives this command."""
    options = [f"--nodes={arguments.nodes}", f"--rings={arguments.rings}"]
    if arguments.empty:
        options.append("--empty")
    keeper = subprocess.Popen(
        [sys.executable, "-m", "tests.lab", "keep", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=Path(__file__).parents[2],
    )
    assert keeper.stdout is not None
    try:
        ready = False
        for line in keeper.stdout:
            ready = line == "ready\n"
            if ready:
                break
            print(line, end="", flush=True)
    except KeyboardInterrupt:
        keeper.terminate()
        raise
    return 0 if ready else keeper.wait()


def keep(arguments: argparse.Namespace) -> int:
    """Owns a lab until SIGTERM arrives. `start` runs this in the background."""
    signal.signal(signal.SIGTERM, _leave)
    with Cluster(Options(nodes=arguments.nodes, rings=arguments.rings)) as cluster:
        print(f"lab {cluster.id}: {', '.join(cluster.nodes)} started; waiting for quorum", flush=True)
        cluster.wait_quorate()
        print("waiting for a designated controller", flush=True)
        cluster.wait_dc()
        cluster.wait_idle()
        if not arguments.empty:
            print("loading resources", flush=True)
            cluster.load(DEMO_RESOURCES)
            cluster.wait_idle()
        (cluster.directory / "kept").touch()
        print(f"lab {cluster.id} is up; python -m tests.lab stop ends it\nready", flush=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        while True:
            signal.pause()


def _leave(*_: object) -> NoReturn:
    sys.exit(0)


def stop(arguments: argparse.Namespace) -> int:
    """Stops a lab and its keeper."""
    cluster = _lab(arguments)
    owner = record.recorded(cluster.directory / "owner")
    if owner is None:
        record.remove(cluster.directory)
    elif not (cluster.directory / "kept").exists():
        raise LabError(f"lab {cluster.id} belongs to process {owner} and ends with it")
    else:
        with contextlib.suppress(ProcessLookupError):
            os.kill(owner, signal.SIGTERM)
        cluster.wait_for(lambda: not cluster.directory.exists(), what=f"the end of lab {cluster.id}")
    print(f"lab {cluster.id} is gone")
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Shows nodes, links and the state of Pacemaker."""
    cluster = _lab(arguments)
    print(f"lab {cluster.id} in {cluster.directory}")
    for node in cluster.nodes:
        if not cluster.is_running(node):
            print(f"{node}  off")
            continue
        up = {line.split("@")[0] for line in cluster.run(node, "ip", "-br", "link", "show", "up").stdout.splitlines()}
        links = (
            f"ring {ring} {cluster.address(node, ring)} {'up' if f'eth{ring}' in up else 'cut'}"
            for ring in range(cluster.options.rings)
        )
        print(f"{node}  {', '.join(links)}, {'quorate' if cluster.quorate(node) else 'no quorum'}")
    for node in cluster.running()[:1]:
        done = cluster.run(node, "crm_mon", "-1", "--inactive", check=False)
        print(f"\n{done.stdout}{done.stderr}", end="")
    return 0


def shell(arguments: argparse.Namespace) -> int:
    """Replaces this process by a shell inside a node."""
    return _become(arguments, [os.environ.get("SHELL", "/bin/sh")])


def execute(arguments: argparse.Namespace) -> int:
    """Replaces this process by a command inside a node."""
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        raise LabError("exec: no command given")
    return _become(arguments, command)


def _become(arguments: argparse.Namespace, command: Sequence[str]) -> int:
    argv = [*_lab(arguments).nsenter_argv(arguments.node, user=arguments.user), *command]
    os.execvpe(argv[0], argv, {**NODE_ENV, "TERM": os.environ.get("TERM", "dumb")})


def cut(arguments: argparse.Namespace) -> int:
    """Cuts a node off a ring."""
    _lab(arguments).cut(arguments.node, arguments.ring)
    return 0


def heal(arguments: argparse.Namespace) -> int:
    """Connects a node with a ring again."""
    _lab(arguments).heal(arguments.node, arguments.ring)
    return 0


def kill(arguments: argparse.Namespace) -> int:
    """Kills a node, as if its plug were pulled."""
    _lab(arguments).kill(arguments.node)
    return 0


def boot(arguments: argparse.Namespace) -> int:
    """Switches a node on again."""
    _lab(arguments).start_node(arguments.node)
    return 0


def _lab(arguments: argparse.Namespace) -> Cluster:
    """Returns the lab that ``--lab`` names, or the one that `start` made."""
    if arguments.lab:
        return Cluster.attach(record.directory_of(arguments.lab))
    kept = [directory for directory in record.labs() if (directory / "kept").exists()]
    if not kept:
        raise LabError("no lab is up; python -m tests.lab start")
    if len(kept) > 1:
        ids = ", ".join(directory.name.removeprefix(record.PREFIX) for directory in kept)
        raise LabError(f"several labs are up, choose one with --lab: {ids}")
    return Cluster.attach(kept[0])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab",
        description="A real Pacemaker cluster in namespaces of this machine, to experiment with. Needs root.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--lab", metavar="ID", help="which lab, if several are up")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, action: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.set_defaults(action=action)
        return command

    for name, action, text in (
        ("start", start, "start a lab, which runs until it is stopped"),
        ("keep", keep, "start a lab, which runs until this command gets SIGTERM"),
    ):
        command = add(name, action, text)
        command.add_argument("--nodes", type=int, default=3, help="number of nodes (default: %(default)s)")
        command.add_argument("--rings", type=int, default=2, help="number of rings (default: %(default)s)")
        command.add_argument("--empty", action="store_true", help="load no resources")
    for name, action, text in (
        ("shell", shell, "open a shell inside a node"),
        ("exec", execute, "run a command inside a node"),
        ("cut", cut, "cut a node off a ring"),
        ("heal", heal, "connect a node with a ring again"),
        ("kill", kill, "pull a node's plug"),
        ("boot", boot, "switch a node on again, with Corosync and Pacemaker"),
    ):
        command = add(name, action, text)
        if action in (shell, execute):
            command.add_argument("--user", help="run as this user (default: root)")
        command.add_argument("node", metavar="NODE", help="node1, node2, ...")
        if action in (cut, heal):
            command.add_argument("ring", metavar="RING", type=int, nargs="?", default=0, help="default: 0")
        if action is execute:
            command.add_argument("command", metavar="-- COMMAND ...", nargs=argparse.REMAINDER)
    add("status", status, "show the lab's nodes and the state of Pacemaker")
    add("stop", stop, "end the lab; nothing is left of it")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; the exit status is 1 if it fails, 2 if no lab can run on this machine."""
    arguments = _parser().parse_args(argv)
    reason = missing_prerequisites()
    if reason is not None:
        print(f"lab: {reason}", file=sys.stderr)
        return 2
    try:
        return int(arguments.action(arguments))
    except (LabError, OSError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
