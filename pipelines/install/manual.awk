# A tool's man page (mdoc), from the page that swift-argument-parser's generator made of it and from its --help.
#
#     COLUMNS=20000 nlft-X --help | LC_ALL=C awk -v tools="nlft-W nlft-X …" -v version=0.1.0 -f manual.awk - nlft-X.1
#
# Heading and synopsis are the generator's. The words come from --help: the generator leaves out defaults, the titles of
# groups of options and every character outside ASCII, fills lines that have to stay as they are, and adds a subcommand
# `help` that the tools do not have. @PREFIX@ is replaced when the page is installed.

BEGIN { for (code = 128; code < 256; code++) byte[sprintf("%c", code)] = code }

# Text that roff prints as it was typed: no curly quotes, no hyphens in place of minus signs, no requests.
function escaped(text,    result, i, character, lead, point) {
  result = ""
  for (i = 1; i <= length(text); i++) {
    character = substr(text, i, 1)
    if (character in byte) {
      lead = byte[character]
      point = lead >= 240 ? lead - 240 : lead >= 224 ? lead - 224 : lead - 192
      while (substr(text, i + 1, 1) in byte && byte[substr(text, i + 1, 1)] < 192)
        point = point * 64 + byte[substr(text, ++i, 1)] - 128
      result = result sprintf("\\[u%04X]", point)
    } else if (character == "\\") result = result "\\e"
    else if (character == "-") result = result "\\-"
    else if (character == "'") result = result "\\(aq"
    else if (character == "`") result = result "\\(ga"
    else if (character == "^") result = result "\\(ha"
    else if (character == "~") result = result "\\(ti"
    else if (character == "." && i == 1) result = result "\\&."
    else result = result character
  }
  return result
}

# Running text, a sentence a line, as roff wants it.
function filled(text,    sentences, count, i, result) {
  gsub(/[.] +/, ".\n", text)
  count = split(text, sentences, "\n")
  result = escaped(sentences[1])
  for (i = 2; i <= count; i++) result = result "\n" escaped(sentences[i])
  return result
}

function trimmed(text) { gsub(/^ +| +$/, "", text); return text }

# A value's name: what stands in angle brackets.
function value(label) { sub(/^[^<]*</, "", label); sub(/>.*$/, "", label); return escaped(label) }

function item(label,    names) {
  if (label ~ /^</) return ".It Ar " value(label)
  names = label
  sub(/ <.*$/, "", names)
  gsub(/, /, " , ", names)
  names = " " names
  gsub(/ -/, " ", names)
  sub(/^ /, "", names)
  return ".It Fl " escaped(names) (label ~ /</ ? " Ar " value(label) : "")
}

# --help, whose lines are not broken.
FNR == 1 { file++ }
file == 1 && /^OVERVIEW: / { abstract = substr($0, 11); sub(/\.$/, "", abstract); part = "description"; next }
file == 1 && /^USAGE: / { usage = $0; part = "usage"; next }
file == 1 && part == "description" && $0 == "Examples:" { part = "examples"; next }
file == 1 && (part == "usage" || part == "options") && /^[A-Z].*:$/ {
  part = "options"
  title = toupper(substr($0, 1, 1)) tolower(substr($0, 2, length($0) - 2))
  if (groups++) options = options ".El\n"
  options = options ".Ss " escaped(title) "\n.Bl -tag -width 6n\n"
  next
}
file == 1 && part == "description" {
  if ($0 == "") paragraph = 1
  else {
    literal = /^  /
    if (literal && !inLiteral) description = description ".Bd -literal -offset indent\n"
    if (!literal && inLiteral) description = description ".Ed\n"
    if (!literal && (paragraph || inLiteral) && description != "") description = description ".Pp\n"
    description = description (literal ? escaped(substr($0, 3)) : filled($0)) "\n"
    inLiteral = literal
    paragraph = 0
  }
  next
}
file == 1 && part == "examples" { if ($0 != "") examples = examples escaped(substr($0, 3)) "\n"; next }
file == 1 && part == "options" && /^  [-<]/ {
  line = substr($0, 3)
  if (!match(line, /^(-[a-zA-Z], )?--?[a-zA-Z0-9-]+( <[^>]*>)?/)) match(line, /^<[^>]*>/)
  if (RLENGTH <= 0) { print "manual.awk: not understood: " $0 > "/dev/stderr"; failed = 1; exit 1 }
  label = substr(line, 1, RLENGTH)
  if (label ~ /^--prompts /) hasPrompts = 1
  if (label ~ /^--keep-going/) hasRecords = 1
  text = trimmed(substr(line, RLENGTH + 1))
  options = options item(label) "\n" (text == "" ? "" : filled(text) "\n")
  next
}
file == 1 && part == "options" && /^   / { options = options filled(trimmed($0)) "\n"; next }
file == 1 { next }

# The generator's page.
/^\.Dt / { name = tolower($2) }
/^\.Os/ { print ".Os nlft " version; next }
/^\.Nd/ { print ".Nd " escaped(abstract); next }
/^\.Sh DESCRIPTION/ { exit }
/^\.Ar subcommand$/ { next }
/^\.(Op|Fl|Ar|Nm) ?/ { gsub(/-/, "\\-") }
{ print }

END {
  if (failed) exit 1
  if (abstract == "" || options == "" || examples == "" || name == "") {
    print "manual.awk: overview, options, examples or the generated page is missing" > "/dev/stderr"
    exit 1
  }
  printf ".Sh DESCRIPTION\n%s.\n", escaped(abstract)
  if (description != "") printf ".Pp\n%s%s", description, inLiteral ? ".Ed\n" : ""
  printf "%s.El\n", options
  if (hasPrompts) {
    print ".Sh FILES\n.Bl -tag -width 6n\n.It Pa @PREFIX@/share/nlft/prompts.json"
    print "The prompts that are used without\n.Fl \\-prompts ,\nto copy and to change.\n.El"
  }
  print ".Sh EXIT STATUS\n.Bl -tag -width 6n"
  print ".It 0\n" (hasRecords ? "No record failed; with\n.Fl \\-keep\\-going ,\nnot all did." : "All is well.")
  print ".It 64\nOptions or arguments that make no sense."
  print ".It 65\n" (hasRecords ? "A record failed, or what" : "What") " an input file holds is at fault."
  print ".It 66\nAn input file cannot be opened."
  print ".It 70\nThe tool itself is at fault.\n.It 74\nReading or writing failed.\n.El"
  printf ".Sh EXAMPLES\n.Bd -literal\n%s.Ed\n.Sh SEE ALSO\n", examples
  count = split(tools, others, " ")
  kept = 0
  for (i = 1; i <= count; i++) if (others[i] != name) pages[++kept] = others[i]
  for (i = 1; i <= kept; i++) printf ".Xr %s 1%s\n", escaped(pages[i]), i < kept ? " ," : ""
}
