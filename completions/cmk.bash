# Completion of cmk's lines in bash: source this file, or `cmk completion bash --install`.
# Works with and without bash-completion. What fits is found by cmk itself.

_cmk() {
    # By the environment: what is on a command line can be seen by others.
    mapfile -t COMPREPLY < <(
        CMK_LINE=${COMP_LINE:0:COMP_POINT} CMK_CURRENT=$2 \
            command "$1" __complete bash "$1" "$COMP_TYPE" 2>/dev/null
    )
}

# cmk writes the space behind a word itself: none behind `zoneid=`.
complete -o nospace -F _cmk cmk
