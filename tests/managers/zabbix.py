"""Zabbix: the server, its database and its frontend, which imports the template and shows what the server polls."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from integrations.generator.files import FOLDER
from integrations.generator.zabbix import TEMPLATE
from tests.managers.difference import expect, expect_soon
from tests.managers.node import Way, is_stable
from tests.managers.tree import Tree
from tests.ports import free_port
from tests.prometheus_server import wait_for
from tests.waiting import wait_until

PACKAGES = ("zabbix-server-pgsql", "zabbix-frontend-php", "php-pgsql", "php-cli", "postgresql")
_CHECK_NOW = 6

_START = """
bin=$(echo /usr/lib/postgresql/*/bin)
chown postgres .
as_postgres() { su postgres -s /bin/sh -c "$*"; }
as_postgres "$bin/initdb -D $PWD/data -A trust --no-sync -E UTF8 --locale=C.UTF-8"
as_postgres "$bin/pg_ctl -D $PWD/data -w -l $PWD/postgresql.log -o '-p $1 -k $PWD -c fsync=off' start"
as_postgres "createuser -h $PWD -p $1 zabbix; createdb -h $PWD -p $1 -O zabbix zabbix"
for part in schema images data; do
    zcat /usr/share/zabbix-server-pgsql/$part.sql.gz | as_postgres "psql -q -h $PWD -p $1 -U zabbix zabbix"
done
mkdir -p /etc/zabbix
cp zabbix.conf.php /etc/zabbix/
zabbix_server -f -c "$PWD/zabbix_server.conf" &
cd /usr/share/zabbix
exec php -d memory_limit=512M -d max_execution_time=300 -S "127.0.0.1:$2"
"""
_SERVER = """\
ListenIP=127.0.0.1
ListenPort={listen}
DBHost={inside}
DBPort={database}
DBName=zabbix
DBUser=zabbix
LogFile={inside}/zabbix_server.log
PidFile={inside}/zabbix_server.pid
SocketDir={inside}
StartPingers=0
StartVMwareCollectors=0
CacheUpdateFrequency=2
AllowRoot=1
"""
_FRONTEND = """\
<?php
$DB = ['TYPE' => 'POSTGRESQL', 'SERVER' => '127.0.0.1', 'PORT' => '{database}', 'DATABASE' => 'zabbix',
  'USER' => 'zabbix', 'PASSWORD' => '', 'SCHEMA' => '', 'ENCRYPTION' => false, 'KEY_FILE' => '', 'CERT_FILE' => '',
  'CA_FILE' => '', 'VERIFY_HOST' => false, 'CIPHER_LIST' => '', 'VAULT' => '', 'VAULT_URL' => '',
  'VAULT_DB_PATH' => '', 'VAULT_TOKEN' => '', 'DOUBLE_IEEE754' => true];
$ZBX_SERVER = ''; $ZBX_SERVER_PORT = ''; $ZBX_SERVER_NAME = ''; $IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;
"""


class Api:
    """Zabbix's own interface; the version decides how a session is named.

    Args:
        url: where the frontend serves it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = ""
        self.version = str(self.call("apiinfo.version", []))
        self._session = str(self.call("user.login", {"username": "Admin", "password": "zabbix"}))

    @property
    def is_first(self) -> bool:
        """Whether it is the oldest version that the template supports."""
        return self.version.startswith("6.0.")

    def call(self, method: str, parameters: object) -> Any:
        """Calls a method, and returns its result."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        headers = {"Content-Type": "application/json-rpc"}
        if self._session and self.is_first:
            body["auth"] = self._session
        elif self._session:
            headers["Authorization"] = f"Bearer {self._session}"
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=300) as response:
            answer = json.load(response)
        expect(f"the answer of Zabbix to {method}", answer.get("error"), None)
        return answer["result"]


def check_zabbix(tree: Tree, ways: Sequence[Way]) -> str:
    """Imports the template, polls all nodes, and compares the numbers with their walks."""
    database, http, listen = free_port(), free_port(), free_port()
    with tree.folder() as (folder, inside):
        ports = {"inside": inside, "database": database, "listen": listen}
        (folder / "zabbix_server.conf").write_text(_SERVER.format(**ports))
        (folder / "zabbix.conf.php").write_text(_FRONTEND.replace("{database}", str(database)))
        script = f"cd {inside}; {_START}"
        with tree.running("sh", "-euc", script, "sh", str(database), str(http), log=folder / "log"):
            wait_for(f"http://127.0.0.1:{http}/", seconds=600)  # the database is filled first
            api = Api(f"http://127.0.0.1:{http}/api_jsonrpc.php")
            template = import_template(api)
            return "; ".join(f"{way.name}: {_poll(api, template, way)}" for way in ways)


def _poll(api: Api, template: str, way: Way) -> str:
    interface = {"type": 2, "main": 1, "useip": 1, "ip": "127.0.0.1", "dns": "", "port": str(way.port)}
    interface["details"] = {"version": 2, "bulk": 1, "community": "public"}
    host = {"host": way.host, "groups": [{"groupid": api.call("hostgroup.get", {"limit": 1})[0]["groupid"]}]}
    host |= {"templates": [{"templateid": template}], "interfaces": [interface]}
    (host_id,) = api.call("host.create", host)["hostids"]
    rules = [rule["itemid"] for rule in api.call("discoveryrule.get", {"hostids": host_id})]
    walk = way.walk()

    def without_value() -> list[str]:
        return [item["key_"] for item in _items(api, host_id) if item["snmp_oid"] in walk and item["lastclock"] == "0"]

    def are_discovered() -> bool:
        api.call("task.create", [{"type": _CHECK_NOW, "request": {"itemid": rule}} for rule in rules])
        return any("[" in item["key_"] for item in _items(api, host_id))

    wait_until(are_discovered, seconds=300, what="Zabbix to discover rows")
    expect_soon("the items with a value", without_value, seconds=600)
    items = _items(api, host_id)
    wrong = [item for item in items if not _agrees(item, walk)]
    expect(
        "the values of items",
        {item["key_"]: item["lastvalue"] for item in wrong},
        {item["key_"]: str(walk[item["snmp_oid"]]) for item in wrong},
    )
    triggers = api.call("trigger.get", {"hostids": host_id, "output": ["description", "value"]})
    problems = [trigger["description"] for trigger in triggers if trigger["value"] == "1"]
    read = [item for item in items if item["snmp_oid"] in walk]
    return f"{len(read)} items, {len(triggers)} triggers; problems: {', '.join(problems) or 'none'}"


def import_template(api: Api) -> str:
    """Imports the template with short intervals, and returns its ID."""
    text = re.sub(r"delay: \d+[mh]\n", "delay: 5s\n", (FOLDER / "zabbix" / "ha-cluster.yaml").read_text())
    kinds = ("templates", "items", "discoveryRules", "triggers", "valueMaps")
    rules = {kind: {"createMissing": True, "updateExisting": True} for kind in kinds}
    rules["groups" if api.is_first else "template_groups"] = {"createMissing": True, "updateExisting": True}
    answer = api.call("configuration.import", {"format": "yaml", "rules": rules, "source": text})
    expect("the answer of Zabbix to the import", answer, expected=True)
    return str(api.call("template.get", {"filter": {"host": TEMPLATE}})[0]["templateid"])


def _items(api: Api, host: str) -> list[dict[str, str]]:
    output = ["key_", "lastvalue", "lastclock", "snmp_oid", "units", "value_type"]
    return list(api.call("item.get", {"hostids": host, "output": output}))


def _agrees(item: Mapping[str, str], walk: Mapping[str, int | str]) -> bool:
    """Returns whether an item has the value of the walk; scaled numbers and rates are not compared."""
    expected = walk.get(item["snmp_oid"])
    is_whole = item["value_type"] == "3"
    return expected is None or not is_whole or not is_stable(item["key_"]) or int(item["lastvalue"]) == expected
