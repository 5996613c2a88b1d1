# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Which files belong to the project, for the checks of this folder: what git tracks or would add, or
# all but the build folders where there is no git.  Paths are relative to the current folder.

project_files() {
	if git -c safe.directory="$PWD" rev-parse --git-dir >/dev/null 2>&1 && [ -e .git ]; then
		git -c safe.directory="$PWD" -c core.quotePath=false ls-files -co --exclude-standard
	else
		find . -name .git -prune -o -path './build*' -prune -o -type f -printf '%P\n'
	fi | sort | while IFS= read -r file; do
		[ ! -f "$file" ] || printf '%s\n' "$file"
	done
}

# The C sources and headers.
project_sources() { project_files | grep -E '\.[ch]$'; }

# Scripts by their first line, and the bash libraries by their name.
project_scripts() {
	project_files | grep -vE '\.(c|h|sql|md|txt|yaml|csv|pdf|json)$' | while IFS= read -r file; do
		if [[ $file == *.sh ]] || head -c 64 "$file" | head -n 1 | grep -aqE '^#!.*\b(ba)?sh\b'; then
			printf '%s\n' "$file"
		fi
	done
}
