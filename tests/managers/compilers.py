"""Compilers of MIBs: each prints the identifiers of the names that it has read, as the gateway must know them."""

from __future__ import annotations

from typing import NamedTuple

from gateway.snmp import oid as oids
from gateway.snmp.mib.module import mib
from tests.managers.difference import expect
from tests.managers.polling import copy_mibs
from tests.managers.tree import Tree


class Compiler(NamedTuple):
    """A compiler that is run as a library.

    Attributes:
        package: its package in Debian.
        interpreter: what runs the script; the code follows as an argument.
        script: reads the folder of the modules and prints a name and an identifier in each line; the arguments are the
            folder and the names.
        has_notifications: whether it keeps the identifiers of notifications.
        needs: more packages.
    """

    package: str
    interpreter: tuple[str, ...]
    script: str
    has_notifications: bool = True
    needs: tuple[str, ...] = ()


_NET_SNMP = """\
use SNMP;
my $folder = shift;
SNMP::addMibDirs($folder);
SNMP::loadModules('HA-CLUSTER-MIB');
print "$_ ", SNMP::translateObj($_) // '', "\\n" for @ARGV;
"""
_PERL = """\
use SNMP::MIB::Compiler;
my $folder = shift;
mkdir "$folder/compiled";
my $compiler = SNMP::MIB::Compiler->new();
$compiler->add_path($folder);
$compiler->add_extension('', '.txt');
$compiler->repository("$folder/compiled");
$compiler->{accept_smiv2} = 1;
$compiler->compile('HA-CLUSTER-MIB');
$compiler->load('HA-CLUSTER-MIB');
print "$_ ", $compiler->resolve_oid($_) // '', "\\n" for @ARGV;
"""
_SNIMPY = """\
import sys
from snimpy import mib
folder, *names = sys.argv[1:]
mib.path(f"{folder}:{mib.path()}")
mib.load(f"{folder}/HA-CLUSTER-MIB.txt")
for name in names:
    print(name, ".".join(map(str, mib.get("HA-CLUSTER-MIB", name).oid)))
"""
_RUBY = """\
require 'snmp'
folder, *names = ARGV
Dir.mkdir("#{folder}/imported")
SNMP::MIB.import_module("#{folder}/HA-CLUSTER-MIB.txt", "#{folder}/imported")
module_ = SNMP::MIB.new
module_.load_module('HA-CLUSTER-MIB', "#{folder}/imported")
names.each { |name| puts "#{name} #{module_.oid("HA-CLUSTER-MIB::#{name}")}" }
"""
COMPILERS = (
    Compiler("libsnmp-perl", ("perl", "-e"), _NET_SNMP),
    Compiler("libsnmp-mib-compiler-perl", ("perl", "-e"), _PERL, has_notifications=False),
    Compiler("snimpy", ("python3", "-c"), _SNIMPY),
    Compiler("ruby-snmp", ("ruby", "-e"), _RUBY, needs=("smitools",)),
)


def check_compiler(compiler: Compiler, tree: Tree) -> str:
    """Compares the identifiers of the objects, and of the notifications, with those of the gateway."""
    module = mib()
    entries = [*module.objects.values(), *(module.notifications.values() if compiler.has_notifications else ())]
    expected = {entry.name: oids.dotted(entry.oid) for entry in entries}
    with tree.folder() as (folder, inside):
        copy_mibs(folder)
        path = f"{inside}/mibs"
        environment = ("env", "MIBS=", f"MIBDIRS={path}", f"SMIPATH={path}")
        printed = tree.run(*environment, *compiler.interpreter, compiler.script, path, *expected).stdout
    lines = (line.split(" ") for line in printed.splitlines())
    received = {name: oid.removeprefix(".") for name, oid in (line for line in lines if len(line) == 2)}
    expect("the identifiers", received, expected)
    return f"{len(expected)} identifiers"
