# Completion of graft for fish: graft completion fish >~/.config/fish/completions/graft.fish
function __graft_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l path (string replace -r -- '^--[a-z0-9-]+=' '' $current)
    set -l before (string sub -l (math (string length -- "$current") - (string length -- "$path")) -- "$current")
    for line in (command $words[1] completion words -- $words[2..] "$current" 2>/dev/null)
        set -l parts (string split \t -- $line)
        switch $parts[1]
            case :files
                for suffix in $parts[2..]
                    for file in $path*$suffix
                        echo $before$file
                    end
                end
                if not set -q parts[2]
                    for file in $path*
                        echo $before$file
                    end
                end
                for folder in $path*/
                    echo $before$folder
                end
            case :folders
                for folder in $path*/
                    echo $before$folder
                end
            case '*'
                echo $line
        end
    end
end
complete -c graft -f -a '(__graft_complete)'
