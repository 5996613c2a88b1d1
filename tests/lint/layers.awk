# SPDX-License-Identifier: Apache-2.0
# The reader behind tests/lint/layers: first file the rules, then every source.  Plain awk (mawk).

function complain(file, line, text) {
	printf "%s:%d: %s\n", file, line, text
	findings++
}

# The longest rule folder that holds FILE.
function folder_of(file,    folder) {
	folder = file
	while (folder ~ /\//) {
		sub(/\/[^\/]*$/, "", folder)
		if (folder in may_include)
			return folder
	}
	return ""
}

# Does TEXT begin like PATTERN, or match it where it holds a star?
function matches(text, pattern,    star) {
	star = index(pattern, "*")
	if (star == 0)
		return text == pattern || (pattern ~ /\/[a-z]*$/ && index(text, pattern) == 1)
	if (pattern == "agent/*.*")
		return text ~ /^agent\/[^\/]*$/
	return index(text, substr(pattern, 1, star - 1)) == 1
}

# Is FILE in one of the places of LIST?
function is_in(file, list,    places, n, i) {
	n = split(list, places, " ")
	for (i = 1; i <= n; i++)
		if (matches(file, places[i]))
			return 1
	return 0
}

# LINE without comments and literals; in_comment lives from line to line.
function code_of(line,    out, p) {
	out = ""
	for (;;) {
		if (in_comment) {
			p = index(line, "*/")
			if (p == 0)
				return out
			line = substr(line, p + 2)
			in_comment = 0
		}
		if (!match(line, /\/\*|\/\/|"|'/))
			return out line
		out = out substr(line, 1, RSTART - 1)
		p = substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
		if (p == "//")
			return out
		if (p == "/*") {
			in_comment = 1
			continue
		}
		line = after_literal(line, p)
		out = out p p
	}
}

# What follows the closing QUOTE in LINE.
function after_literal(line, quote,    i, c) {
	for (i = 1; i <= length(line); i++) {
		c = substr(line, i, 1)
		if (c == "\\")
			i++
		else if (c == quote)
			return substr(line, i + 1)
	}
	return ""
}

function read_rule(    kind, name, rest, p) {
	kind = $1
	name = $2
	p = index($0, ":")
	rest = substr($0, p + 1)
	if (kind == "folder")
		may_include[name] = " " rest " "
	else if (kind == "made")
		made_in[name] = $NF
	else if (kind == "library") {
		libraries[++library_count] = name
		library_places[name] = rest
	} else if (kind == "light") {
		light_places[++light_count] = name
		light_headers[light_count] = rest
	} else if (kind == "banned") {
		p = index(rest, "|")
		banned_remedy[name] = substr(rest, p + 2)
		banned_except[name] = substr(rest, 1, p - 1)
		banned_names[++banned_count] = name
	} else if (kind == "pure") {
		pure_places[++pure_count] = name
		pure_calls[pure_count] = rest
	} else
		complain(FILENAME, FNR, "unknown kind of rule: " kind)
}

# An include of the project: is the direction allowed?
function check_direction(header,    from, to) {
	from = folder_of(FILENAME)
	to = header in made_in ? made_in[header] : folder_of(header)
	if (to == "") {
		complain(FILENAME, FNR, "\"" header "\" is not given by its path from the top")
		return
	}
	if (header !~ /^[a-z]+\.h$/)
		edges[FILENAME] = edges[FILENAME] " " header
	if (from != to && index(may_include[from], " " to " ") == 0)
		complain(FILENAME, FNR, from " may not include " to " (" header ")")
}

# An include of the system or of a library.
function check_library(header,    i) {
	system_includes[FILENAME] = system_includes[FILENAME] " " header
	for (i = 1; i <= library_count; i++)
		if (matches(header, libraries[i])) {
			if (!is_in(FILENAME, library_places[libraries[i]]))
				complain(FILENAME, FNR, "<" header "> is only for" library_places[libraries[i]])
			return
		}
}

# The names called on this line, each `name(` that is not a member.
function check_calls(code,    name, before, i) {
	while (match(code, /[A-Za-z_][A-Za-z_0-9]*[ \t]*\(/)) {
		name = substr(code, RSTART, RLENGTH)
		before = RSTART > 1 ? substr(code, RSTART - 1, 1) : ""
		code = substr(code, RSTART + RLENGTH)
		sub(/[ \t]*\($/, "", name)
		if (before == "." || before == ">")
			continue
		if (name in banned_remedy && !is_in(FILENAME, banned_except[name]))
			complain(FILENAME, FNR, name "() is banned here: use " banned_remedy[name])
		for (i = 1; i <= pure_count; i++)
			if (index(FILENAME, pure_places[i]) == 1 && index(" " pure_calls[i] " ", " " name " "))
				complain(FILENAME, FNR, name "() does not belong in a pure core")
	}
}

# Depth-first from FILE; a header met again on the way down closes a cycle.
function find_cycle(file, path,    list, n, i) {
	if (state[file] == 2)
		return
	if (state[file] == 1) {
		complain(file, 1, "include cycle:" path " " file)
		return
	}
	state[file] = 1
	n = split(edges[file], list, " ")
	for (i = 1; i <= n; i++)
		find_cycle(list[i], path " " file)
	state[file] = 2
}

# Collect into reached[] what FILE includes, through headers of the project.
function reach(file,    list, n, i) {
	if (file in visited)
		return
	visited[file] = 1
	n = split(system_includes[file], list, " ")
	for (i = 1; i <= n; i++)
		if (!(list[i] in reached))
			reached[list[i]] = file
	n = split(edges[file], list, " ")
	for (i = 1; i <= n; i++)
		reach(list[i])
}

function check_light(file, i,    patterns, n, k, header) {
	split("", visited)
	split("", reached)
	reach(file)
	n = split(light_headers[i], patterns, " ")
	for (header in reached)
		for (k = 1; k <= n; k++)
			if (matches(header, patterns[k]))
				complain(file, 1, "must stay without <" header ">, which " reached[header] " includes")
}

FILENAME ~ /layers\.rules$/ {
	if (NF && $1 !~ /^#/)
		read_rule()
	next
}

FNR == 1 {
	in_comment = 0
	sources[++source_count] = FILENAME
	if (folder_of(FILENAME) == "")
		complain(FILENAME, 1, "lies in a folder that layers.rules does not know")
}

!in_comment && /^[ \t]*#[ \t]*include[ \t]*"/ {
	split($0, quoted, "\"")
	check_direction(quoted[2])
	next
}

!in_comment && /^[ \t]*#[ \t]*include[ \t]*</ {
	split($0, quoted, /[<>]/)
	check_library(quoted[2])
	next
}

{ check_calls(code_of($0)) }

END {
	for (s = 1; s <= source_count; s++) {
		find_cycle(sources[s], "")
		for (l = 1; l <= light_count; l++)
			if (matches(sources[s], light_places[l]))
				check_light(sources[s], l)
	}
	exit (findings > 0)
}
