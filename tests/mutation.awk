# Counts what `mutmut results --all true` lists: a line for each part, and the sum as the last one.
# Noticed is a mutant that made a test fail or run without end; everything else was not, also what no test reaches.
/^ *crypto\./             { part = "verifier" }
/^ *federation\.policy\./ { part = "evaluator" }
/^ *federation\.(inbox|relay|roads)\./ { part = "inbox" }
/: not checked$/ { next } # of a run for some names only: make mutation ARGS='federation.inbox.*'
/: (killed|timeout)$/ { killed[part]++; all_killed++; next }
/: /                  { survived[part]++; all_survived++ }
END {
    for (at = split("verifier evaluator inbox", parts, " "); at; at--) order[at] = parts[at]
    for (at = 1; at in order; at++)
        line(sprintf("\"part\":\"%s\",", order[at]), killed[order[at]], survived[order[at]])
    line("", all_killed, all_survived)
}
function line(head, k, s) {
    printf "{%s\"killed\":%d,\"survived\":%d,\"share\":%.3f}\n", head, k, s, k + s ? k / (k + s) : 0
}
