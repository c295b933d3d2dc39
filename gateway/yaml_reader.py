"""Reads YAML: values without types of Python, and no key of a table twice.

``load`` returns numbers, truth values and so on, as YAML 1.1 defines them. ``load_texts`` returns every value as the
text that is written there, for readers that know the type: a user ``0123`` is not the number 83. An empty value is None
in both.
"""

from __future__ import annotations

from typing import Any

import yaml

from gateway.errors import GatewayError

_MERGE = "tag:yaml.org,2002:merge"
_UNTYPED = ("tag:yaml.org,2002:null", _MERGE)
"""The types that ``load_texts`` recognizes."""


class YamlError(GatewayError):
    """A text is not YAML, or has a key twice; the message does not quote the text, which may contain secrets."""


def load(text: str) -> Any:
    """Returns the value of a document.

    Raises:
        YamlError: the text is not YAML, or has a key twice.
    """
    return _load(text, _Loader)


def load_texts(text: str) -> Any:
    """Returns the value of a document, with all scalars as text.

    Raises:
        YamlError: the text is not YAML, or has a key twice.
    """
    return _load(text, _TextLoader)


def _load(text: str, loader: type[yaml.SafeLoader]) -> Any:
    try:
        return yaml.load(text, loader)  # noqa: S506 - a subclass of SafeLoader
    except yaml.MarkedYAMLError as error:  # its text quotes the line
        place = f" (at line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise YamlError(f"{error.problem}{place}") from None
    except (AttributeError, LookupError, OverflowError, TypeError):
        # PyYAML assumes that the text after a tag such as !!bool, !!int or !!timestamp has the form of its type
        raise YamlError("a value does not have the type of its tag") from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise YamlError(" ".join(str(error).split())) from None


class _Loader(yaml.SafeLoader):
    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Returns a table; here, because later ``<<`` adds the keys of other tables."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        keys = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if key.value in keys:
                    raise yaml.constructor.ConstructorError(None, None, "found a key twice", key.start_mark)
                keys.add(key.value)
        return node


class _TextLoader(_Loader):
    yaml_implicit_resolvers = {  # noqa: RUF012 - the attribute of PyYAML
        first: [(tag, pattern) for tag, pattern in resolvers if tag in _UNTYPED]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
