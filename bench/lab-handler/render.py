"""The template on stdin, filled in with the addresses of the first argument."""
import json
import sys

import jinja2

template = jinja2.Template(sys.stdin.read(), keep_trailing_newline=True)
sys.stdout.write(template.render(addresses=json.loads(sys.argv[1])))
