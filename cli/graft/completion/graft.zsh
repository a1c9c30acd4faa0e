#compdef graft
# Completion of graft for zsh: graft completion zsh >"${fpath[1]}/_graft"
_graft() {
	local line
	local -a words_of_graft suffixes
	while IFS= read -r line; do
		case $line in
		:files*)
			suffixes=("${(@s:	:)line}")
			shift suffixes
			[[ $PREFIX == --*=* ]] && compset -P '*='
			if (( $#suffixes )); then
				_files -g "*(${(j:|:)suffixes})"
			else
				_files
			fi
			;;
		:folders)
			[[ $PREFIX == --*=* ]] && compset -P '*='
			_files -/
			;;
		*$'\t'*) words_of_graft+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
		*) words_of_graft+=("${line//:/\\:}") ;;
		esac
	done < <("${(Q)words[1]}" completion words -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
	(( $#words_of_graft )) && _describe -V graft words_of_graft
	return 0
}
if [[ $funcstack[1] == _graft ]]; then
	_graft "$@"
else
	compdef _graft graft
fi
