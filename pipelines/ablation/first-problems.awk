# Keeps the rows of the first `most` problems, however many of a problem's rows failed on the way. nlft-sample names
# several rows of the problem ID "ID/0", "ID/1" … with ID in source; otherwise each row is a problem of its own.

# The text of a field of the line, without quotes; empty if it is missing.
function field(name,   pattern) {
  pattern = "\"" name "\":(\"[^\"]*\"|[0-9]+)"
  if (!match($0, pattern)) return ""
  text = substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
  gsub(/^"|"$/, "", text)
  return text
}

{
  problem = field("id")
  source = field("source")
  if (source != "" && substr(problem, 1, length(source) + 1) == source "/") problem = source
  if (NR == 1 || problem != last) problems++
  last = problem
  if (problems <= most) print
}
