# Sourced: the nodes as handlebars wants them.
nodes() {
  cat /nodes/* 2>/dev/null |
    awk '{ printf "%s{\"host\":\"%s\",\"ip\":\"%s\"}", (NR > 1 ? "," : ""), $1, $2 }'
}
