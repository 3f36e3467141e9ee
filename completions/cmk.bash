# Completion of cmk's lines in bash: source this file, or `cmk completion bash --install`.
# Works with and without bash-completion. What fits is found by cmk itself.

_cmk() {
    # An alias is no program, and a ~ is not expanded yet.
    local program=${1/#"~/"/"$HOME/"}
    type -P -- "$program" >/dev/null || program=cmk
    # By the environment: what is on a command line can be seen by others.
    mapfile -t COMPREPLY < <(
        CMK_LINE=${COMP_LINE:0:COMP_POINT} CMK_WHOLE=$COMP_LINE CMK_CURRENT=$2 \
            command "$program" __complete bash "$1" "$COMP_TYPE" 2>/dev/null
    )
}

# cmk writes the space behind a word itself (none behind `zoneid=`), and knows the best order.
complete -o nospace -o nosort -F _cmk cmk
