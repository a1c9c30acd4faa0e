# Completion of graft for bash: source <(graft completion bash)
_graft() {
	local IFS=$'\n' cur=${COMP_WORDS[COMP_CWORD]} path line suffix file
	path=${cur#[\"\'=]}
	path=${path//\\/}
	COMPREPLY=()
	while read -r line; do
		case $line in
		:files) while read -r file; do COMPREPLY+=("$file"); done < <(compgen -f -- "$path") ;;
		:files* | :folders)
			while read -r file; do COMPREPLY+=("$file"); done < <(compgen -d -- "$path")
			for suffix in ${line//$'\t'/$'\n'}; do
				[[ $suffix == :* ]] && continue
				while read -r file; do COMPREPLY+=("$file"); done < <(compgen -f -X "!*$suffix" -- "$path")
			done
			;;
		*) COMPREPLY+=("${line%%$'\t'*}") ;;
		esac
		[[ $line == :* ]] && compopt -o filenames 2>/dev/null
	done < <("${COMP_WORDS[0]}" completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _graft graft
