"""The pages of help that are written and not read off tables; none has lines of over 80 letters."""

from __future__ import annotations

GENERAL = """\
cmk - a CloudMonkey-style command line for Apache CloudStack, with its own lab

  cmk VERB NOUN key=value ...   run one API call: cmk list zones filter=id,name
  cmk                           the interactive shell (cmk help shell)
  cmk -f FILE, ... | cmk        run lines of a file or of standard input

Flags (before or after the command; -- ends them)
{flags}

Beside parameters: filter=a,b.c (columns), exclude=a,b, sort=name,
  query=JMESPATH; KEY=@FILE, KEY=@- (standard input), KEY=@@x (a literal @x);
  IDPARAM=name:web1 (looked up)

More: cmk help filter, query, output, errors, lines, shell, set, profile add

Environment: CMK_URL CMK_API_KEY CMK_SECRET_KEY CMK_PROFILE CMK_OUTPUT
  CMK_TIMEOUT CMK_CONFIG CMK_DEBUG CMK_ERROR_FORMAT, CLOUDSTACK_ENDPOINT
  CLOUDSTACK_KEY CLOUDSTACK_SECRET, CLOUDSTACK_CONFIG CLOUDSTACK_REGION, PAGER,
  NO_COLOR, proxy variables, CMK_NO_ANIMATION (nothing moves or opens by
  itself, for screen readers)

Exit status: 0 done, 1 the API refused, 2 usage, 3 not authorised, 4 job failed,
  5 unreachable, 6 configuration, 7 no such thing, 124 timed out waiting,
  130 interrupted (cmk help errors)

Built-in commands
"""

_SHELL = """\
The shell: the same lines as everywhere, and these

  Tab                  puts in what fits or what several have in common, or goes
                       to the next
  Enter                runs the line; in an open quote, or behind a \\, goes on
                       in another row
  Right, Ctrl-R        takes the grey suggestion from history; searches history
  Ctrl-C, Ctrl-D       leaves the line, or ends what runs; leaves the shell
  Ctrl-X Ctrl-E        opens the line in $EDITOR;  Ctrl-Z suspends the shell

  LINE | COMMAND       output through your own shell;  LINE > FILE, LINE >> FILE
  LINE &               in the background: jobs tells what is there, wait what it
                       has said
  history [N] [-c]     the last lines;  !N, !! run one again
  !COMMAND             a command of your own shell
  set KEY VALUE        settings: help set
  tour                 five lines in the lab, from list zones to a running VM

An operator stands free, with a space on both sides; there are no others (no
&&, no ;). Several lines are several rows, as a text that is pasted has them:
they run up to the first that fails.
"""

_FILTER = """\
filter=a,b       only these columns, in this order
exclude=a,b      all but these
sort=a,-b        rows in the order of these; a minus puts the greatest first

A column may be inside another: nic.ipaddress is what all NICs have there, with
commas between, nic[0].ipaddress what the first has. Names are in any case; one
that an API does not answer with is told. All three are for this side and never
sent, unless the API has a parameter of that name.

  cmk list virtualmachines filter=name,state,nic.ipaddress sort=name -o table
  id=$(cmk list zones name=north filter=id -o value)
"""

_QUERY = """\
query=EXPRESSION   a JMESPath expression (jmespath.org) over the whole answer:
                   {"count": N, "NOUN": [...]} for a list

Numbers stay as the server wrote them. Lists of lists have columns 1, 2, ... in
tables, csv and value.

  cmk list virtualmachines query='virtualmachine[].name'
  cmk list hosts query="host[?state=='Up'].[name,ipaddress]" -o value
"""

_OUTPUT = """\
-o FORMAT, CMK_OUTPUT, or `set output FORMAT`; the data are on stdout, all
else on stderr

  json     the answer as the server gave it (the default; Go's `default` too)
  jsonl    a row a line, as they come
  csv      with a header, as they come
  table    a grid; in a terminal the columns that matter, as many as fit
  wide     the same with all columns
  column   the table without its lines, for sort and awk
  text     key = value, a line each
  value    bare values, tabs between; one value alone as it is (a private key)
  xml      as CloudStack's response=xml nests it

In a terminal states and keys have a colour, unless NO_COLOR or --no-color
says no. In a pipe nothing is left out and nothing is coloured. What a table
of some noun has in a terminal can be set:

  set columns.virtualmachine name,state,nic.ipaddress
"""

_ERRORS = """\
An error is one sentence on stderr, and perhaps what to do; the status says
its kind:

  0    done
  1    the API refused or failed
  2    usage: found before anything was sent
  3    not authenticated or not authorised
  4    a job failed
  5    the server or a host cannot be reached
  6    configuration: a profile, the config file, the lab's directory or store
  7    nothing has that name or id
  124  the time to wait for a job is over; the job goes on (cmk wait JOBID)
  130  Ctrl-C; a job goes on

--error-format json (CMK_ERROR_FORMAT, `set error_format json`) makes an
object of an error, in one line, where answers are json or jsonl:

  {"error": {"status": 7, "kind": "NotThere", "message": "...", "hint": "..."}}

with errorcode, cserrorcode and errortext of the API, jobid of a job, and
place of a line in a file. -d tells on stderr what is sent and where an error
comes from.
"""

_PROFILE_ADD = """\
cmk profile add NAME url=URL [username=U [domain=PATH]] [SETTING=VALUE ...]

A server that lines can go to. Its secrets are asked for, unseen: apikey and
secretkey, or with username= the password. In a script they come from files.

  cmk profile add prod url=https://HOST/client/api
  cmk profile add prod url=https://HOST/client/api apikey=@key secretkey=@secret
  cmk profile add test url=lab:/tmp/test

--keyring keeps them in the keyring and not in ~/.cmk/config (which only you
can read). The server's catalog of APIs is fetched at once. Then: -p NAME for
one line, `profile use NAME` for all. Settings: cmk help set
"""

_LINES = """\
A file of lines (cmk -f FILE) or lines on standard input run up to the first
that fails (--keep-going: all). A line that begins with # is a remark; a quote
or a \\ at the end goes on in the next row.

Values may be names of things, in every parameter that takes ids, also inside
maps:

  deploy virtualmachine zoneid=name:north iptonetworklist[0].networkid=name:net1

An answer may have a name, for the lines that follow: one value, of the column
that filter= names, else the id. $NAME is that value, or what --set NAME=VALUE
says, or a variable of the environment; it stays one word whatever is in it, and
single quotes keep a $ as it is.

  Z = list zones name=north filter=id
  V = deploy virtualmachine zoneid=$Z templateid=name:debian12 name=$NAME
  stop virtualmachine id=$V

--parallel N has N jobs under way at once. An error names the row of its line.
"""

#: By the words behind `help`.
TOPICS = {
    "shell": _SHELL,
    "filter": _FILTER,
    "exclude": _FILTER,
    "sort": _FILTER,
    "query": _QUERY,
    "output": _OUTPUT,
    "errors": _ERRORS,
    "lines": _LINES,
    "profile add": _PROFILE_ADD,
}
