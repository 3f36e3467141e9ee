# Completion of cmk's lines in bash: source this file, or `cmk completion bash --install`.
# Works with and without bash-completion. What fits is found by cmk itself.

_cmk() {
    mapfile -t COMPREPLY < <(
        command "$1" __complete bash "$1" "${COMP_LINE:0:COMP_POINT}" "$2" "$COMP_TYPE" 2>/dev/null
    )
}

# cmk writes the space behind a word itself: none behind `zoneid=`.
complete -o nospace -F _cmk cmk
