# Completion of cmk's lines in fish: put this file into ~/.config/fish/completions, or
# `cmk completion fish --install`. What fits is found by cmk itself.

function __cmk_complete
    # Behind sudo it is not the first word, with a path it is not `cmk`, by an alias it is neither.
    set -l command (string match -r -- '^(?:.*/)?cmk$' (commandline -opc))[1]
    test -n "$command"; or set command cmk
    # By the environment: what is on a command line can be seen by others.
    CMK_LINE=(commandline -cp | string collect) $command __complete fish $command 2>/dev/null
end

# -f: files only where cmk says so; -k: cmk's order, the required parameters first.
complete -c cmk -f -k -a '(__cmk_complete)'
