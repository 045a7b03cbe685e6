# Completion of duet's command line for bash.

# What is kept up: a line "CASE<tab>NODE" for each node, or with "links" "CASE<tab>LINK".
_duet_kept()
{
    local fields suite name i
    while IFS='"' read -r -a fields; do
        case ${fields[1]} in
        case) name=${fields[3]} ;;
        suite) suite=${fields[3]} ;;
        name) [[ $1 == links ]] || printf '%s/%s\t%s\n' "$suite" "$name" "${fields[3]}" ;;
        links)
            for ((i = 3; i < ${#fields[@]}; i += 2)); do
                [[ $1 != links ]] || printf '%s/%s\t%s\n' "$suite" "$name" "${fields[i]}"
            done
            ;;
        esac
    done < <(duet ps --json 2>/dev/null)
}

# Offers those lines of the input that begin as the word does. bash has split it at each ":" and
# "=", and wants the rest.
_duet_offer()
{
    local whole prefix item
    local line=${COMP_LINE:0:COMP_POINT}
    whole=${line##*[[:space:]]}
    [[ $word == [:=] ]] && word=''
    prefix=${whole%"$word"}
    while IFS= read -r item; do
        [[ $item == "$whole"* ]] && COMPREPLY+=("${item#"$prefix"}")
    done < <(sort -u)
}

# Cases and nodes (or links) in the place of the first word, then the nodes of that case.
_duet_offer_kept()
{
    local line=${COMP_LINE:0:COMP_POINT} first
    line=${line#*"$command"}
    read -r first _ <<<"$line"
    if [[ $line == *[![:space:]]*[[:space:]]* && $first != -* ]]; then
        _duet_offer < <(_duet_kept "$1" | sed -n "s|^${first//[^[:alnum:]\/=,_-]/.}\t||p")
    else
        _duet_offer < <(_duet_kept "$1" | if [[ $1 == cases ]]; then cut -f1; else tr '\t' '\n'; fi)
    fi
}

_duet()
{
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command="" i
    local words=""

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        run | replay | shrink | list | shell | up | exec | cp | logs | ps | down | impair | link | console | \
            debug-kernel | verdicts | bench | compare | history | doctor | kernel | mock-agent | version)
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
    --plot | --baseline | --junit | --tap | --suite | --output | --config | --ctl | --io)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --node | --from)
        _duet_offer < <(_duet_kept | cut -f2)
        return
        ;;
    --metric | --transport | --runs | --warmup | --duration | --tag | --threshold | --only | --case | \
        --seed | --connect | --name | --source | --jobs | --env | --workdir | --container)
        return
        ;;
    esac
    case $command in
    '')
        words='run replay shrink list shell up exec cp logs ps down impair link console debug-kernel verdicts bench
            compare history doctor kernel mock-agent version --help --usage'
        ;;
    run)
        words='--accel --break-on-fail --capture --cold --color --connect --debug --help --jobs --json
            --junit --keep --kernel --only --pause-on-fail --results --reuse-templates --seed --tap
            --usage --verbose'
        ;;
    replay)
        words='--accel --case --color --connect --debug --help --json --results --suite --usage
            --verbose'
        ;;
    shrink)
        words='--accel --case --color --connect --debug --help --json --kernel --output --results
            --runs --seed --usage --verbose'
        ;;
    list) words='--help --json --kernel --only --usage' ;;
    shell)
        words='--accel --capture --case --cold --color --connect --debug --help --kernel --node --usage
            --verbose'
        ;;
    up)
        words='--accel --capture --case --cold --color --connect --debug --detach --help --kernel
            --usage --verbose'
        ;;
    exec) words='--container --env --help --no-tty --tty --usage --workdir' ;;
    cp) words='--help --recursive --usage' ;;
    logs) words='--follow --help --node --usage' ;;
    ps) words='--help --json --usage' ;;
    down) words='--all --help --usage' ;;
    impair)
        words='--clear --from --help --json --usage --blackhole --burst --corrupt --corrupt.bits
            --corrupt.correlation --corrupt.range --delay --delay.correlation --distribution
            --down --duplicate --duplicate.correlation --jitter --loss --loss.correlation
            --loss.gemodel.1-h --loss.gemodel.1-k --loss.gemodel.p --loss.gemodel.r --loss.limit
            --loss.state.p13 --loss.state.p14 --loss.state.p23 --loss.state.p31 --loss.state.p32
            --mtu --queue.bytes --queue.codel --queue.interval --queue.packets --queue.target
            --queue.time --rate --rate.cell --rate.cell_overhead --rate.overhead --reorder
            --reorder.correlation --reorder.gap --slot --slot.bytes --slot.correlation
            --slot.distribution --slot.jitter --slot.packets'
        ;;
    link) words='--help --json --usage' ;;
    console) words='--help --usage' ;;
    debug-kernel) words='--halt --help --json --usage' ;;
    verdicts) words='--all --diff --help --json --lost --upkeep --usage' ;;
    bench)
        words='--accel --baseline --color --connect --debug --duration --force --help --interleave
            --json --kernel --metric --quick --repeats --results --runs --seed --set --tag --transport
            --usage --verbose --warmup'
        ;;
    compare) words='--color --force --help --json --results --threshold --usage' ;;
    history) words='--all --help --json --plot --results --suite --usage' ;;
    doctor) words='--help --json --kernel --usage' ;;
    kernel) words='--config --help --jobs --json --name --source --usage' ;;
    mock-agent) words='--ctl --help --io --stay --usage' ;;
    version) words='--help --usage' ;;
    esac
    if [[ $word == -* || -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    elif [[ $command == kernel && $previous == kernel ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'list fetch build path' -- "$word")
    elif [[ $command == kernel && $previous == @(fetch|path) ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'debian host small' -- "$word"; compgen -f -- "$word")
    elif [[ $command == @(exec|console|debug-kernel) ]]; then
        _duet_offer_kept nodes
    elif [[ $command == impair && $previous == --!(clear|json|down|blackhole|queue.codel) ]]; then
        return
    elif [[ $command == impair ]]; then
        _duet_offer_kept links
    elif [[ $command == link ]]; then
        _duet_offer_kept links
        mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W 'up down' -- "$word")
    elif [[ $command == @(logs|down) ]]; then
        _duet_offer_kept cases
    elif [[ $command == cp ]]; then
        _duet_offer < <(_duet_kept | while IFS=$'\t' read -r case node; do
            printf '%s:/\n' "$node" "$case:$node"
        done)
        compopt -o nospace 2>/dev/null
        mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$word")
    elif [[ $command == @(verdicts|compare) ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    elif [[ $command == @(run|shrink|list|shell|up|bench) ]]; then
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
