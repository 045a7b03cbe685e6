# Completion of duet's command line for bash.

_duet()
{
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command="" i
    local words=""

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        run | list | doctor | kernel | version)
            command=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    case $previous in
    --color)
        mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$word")
        return
        ;;
    --accel)
        mapfile -t COMPREPLY < <(compgen -W 'auto kvm tcg' -- "$word")
        return
        ;;
    --kernel)
        # The last of several.
        [[ $word == *,* ]] && words=${word%,*},
        mapfile -t COMPREPLY < <(
            compgen -P "$words" -W 'debian host small' -- "${word##*,}"
            compgen -P "$words" -f -- "${word##*,}"
        )
        return
        ;;
    --results)
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        return
        ;;
    --junit | --tap | --config)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --only | --seed | --connect | --name | --source | --jobs)
        return
        ;;
    esac
    case $command in
    '') words='run list doctor kernel version --help --usage' ;;
    run)
        words='--accel --cold --color --connect --debug --help --jobs --json --junit --keep --kernel
            --only --results --reuse-templates --seed --tap --usage --verbose'
        ;;
    list) words='--help --json --kernel --only --usage' ;;
    doctor) words='--help --json --kernel --usage' ;;
    kernel) words='--config --help --jobs --json --name --source --usage' ;;
    version) words='--help --usage' ;;
    esac
    if [[ $word == -* || -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    elif [[ $command == kernel && $previous == kernel ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'list fetch build path' -- "$word")
    elif [[ $command == kernel && $previous == @(fetch|path) ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'debian host small' -- "$word"; compgen -f -- "$word")
    elif [[ $command == run || $command == list ]]; then
        # Suites that come along, and files.
        words=$(duet list 2>/dev/null | sed -n 's/^\([^ ][^ ]*\) .*/\1/p')
        mapfile -t COMPREPLY < <(
            compgen -W "$words" -- "$word"
            compgen -f -X '!*.yaml' -- "$word"
            compgen -d -S / -- "$word"
        )
    fi
}
complete -o filenames -F _duet duet
