# Completion of cmk's lines in fish: put this file into ~/.config/fish/completions, or
# `cmk completion fish --install`. What fits is found by cmk itself.

function __cmk_complete
    # Behind sudo it is not the first word, with a path it is not `cmk`, by an alias it is neither.
    set -l word (string match -r -- '^(?:.*/)?cmk$' (commandline -opc))[1]
    set -l program (string replace -r '^~/' "$HOME/" -- $word)
    type -q -- $program; or set program cmk
    # By the environment: what is on a command line can be seen by others.
    set -lx CMK_LINE (commandline -cp | string collect)
    set -lx CMK_WHOLE (commandline -p | string collect)
    command $program __complete fish $word 2>/dev/null
end

# -f: files only where cmk says so; -k: cmk's order, the required parameters first.
complete -c cmk -f -k -a '(__cmk_complete)'
