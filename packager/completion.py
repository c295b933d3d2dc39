"""The completions for bash and zsh, generated from the command line."""

from __future__ import annotations

from collections.abc import Iterable

from packager import command_line
from packager.command_line import Argument, Command
from packager.packaged_file import NAME

_FUNCTION = f"_{NAME.replace('-', '_')}"


def bash() -> str:
    """Returns the completion for bash; it needs nothing else."""
    commands = command_line.commands()
    common = command_line.arguments()
    everything = [*common, *(argument for command in commands for argument in command.arguments)]
    files = _pattern(flag for argument in everything if argument.is_file for flag in argument.flags)
    values = _pattern(
        flag for argument in everything if argument.value and not argument.is_file for flag in argument.flags
    )
    lines = [
        f"# Completion of {NAME} for bash. Generated.",
        f"{_FUNCTION}()",
        "{",
        "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command= word",
        "    # readline splits --flag=value into three words",
        "    [[ $current == = ]] && current=",
        "    [[ $previous == = ]] && previous=${COMP_WORDS[COMP_CWORD - 2]}",
        '    for word in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do',
        f"        case $word in {'|'.join(command.name for command in commands)}) command=$word; break ;; esac",
        "    done",
        "    case $previous in",
        *_bash_choices(everything),
        f'        {files}) compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); return ;;',
        f"        {values}) return ;;",
        "    esac",
        f"    local words='{_flags(common)}'",
        "    case $command in",
        f"        '') words+=' {' '.join(command.name for command in commands)}' ;;",
    ]
    lines += (f"        {command.name}) {_bash_words(command)} ;;" for command in commands if command.arguments)
    lines += [
        "    esac",
        '    COMPREPLY=($(compgen -W "$words" -- "$current"))',
        "}",
        f"complete -F {_FUNCTION} {NAME}",
    ]
    return "\n".join((*lines, ""))


def _bash_words(command: Command) -> str:
    """Returns the statements that complete the arguments that only one command has."""
    statements = f"words+=' {_flags(command.arguments)}'"
    if any(argument.is_file and not argument.flags for argument in command.arguments):
        files = 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); return'
        statements += f"; [[ $current == -* ]] || {{ {files}; }}"
    return statements


def _pattern(flags: Iterable[str]) -> str:
    return "|".join(dict.fromkeys(flags))


def _flags(arguments: Iterable[Argument]) -> str:
    return " ".join(flag for argument in arguments for flag in argument.flags if flag.startswith("--"))


def _bash_choices(arguments: Iterable[Argument]) -> Iterable[str]:
    for argument in arguments:
        if argument.flags and argument.choices:
            words = " ".join(argument.choices)
            yield f"        {_pattern(argument.flags)}) COMPREPLY=($(compgen -W '{words}' -- \"$current\")); return ;;"


def zsh() -> str:
    """Returns the completion for zsh, with the meaning of each flag."""
    lines = [
        f"#compdef {NAME}",
        f"# Completion of {NAME} for zsh. Generated.",
        "",
        "local -a common commands",
        "common=(",
    ]
    lines += [f"    {_zsh_spec(argument)}" for argument in command_line.arguments()]
    lines += [")", "commands=("]
    commands = command_line.commands()
    lines += [f"    {_quote(f'{command.name}:{command.help}')}" for command in commands]
    lines += [
        ")",
        "local context state line",
        "_arguments -C $common '1:command:->command' '*::argument:->argument' && return",
    ]
    lines += [
        "case $state in",
        "    command) _describe command commands ;;",
        "    argument)",
        "        case $line[1] in",
    ]
    for command in commands:
        specs = (_zsh_spec(argument) for argument in command.arguments)
        lines.append(" ".join((f"            {command.name}) _arguments $common", *specs, ";;")))
    lines += ["        esac", "        ;;", "esac"]
    return "\n".join((*lines, ""))


def _zsh_spec(argument: Argument) -> str:
    text = argument.help.replace("[", "(").replace("]", ")").replace(":", r"\:")
    value = f":{argument.value.lower()}:{_zsh_values(argument)}" if argument.value else ""
    if not argument.flags:
        return _quote(f"{'' if not argument.optional else ':'}:{text}:{_zsh_values(argument)}")
    return " ".join(
        _quote(f"{flag}{'=' if value and flag.startswith('--') else ''}[{text}]{value}") for flag in argument.flags
    )


def _zsh_values(argument: Argument) -> str:
    if argument.choices:
        return f"({' '.join(argument.choices)})"
    return "_files" if argument.is_file else " "


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
