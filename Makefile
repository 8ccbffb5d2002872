# make demo    install, and see real logins through all shipped services
# make demo-mail   Postfix and Dovecot that ask ualauth serve: a message is sent and read
# make unit    the tests that need neither a server nor root nor a Debian package: a minute or so
# make test    install what the tests need, and run all of them, on all cores
# make long    the random tests again, with ten times as many rounds and a new seed; and programs that
#              are rare
.PHONY: demo demo-mail unit test long check bench bench-instructions fuzz format clean

# Mail programs that log in to the example servers
CLIENTS = alpine curl cyrus-clients fdm fetchmail getmail6 gsasl imapfilter isync libnet-ssleay-perl libsasl2-modules mpop msmtp \
	mutt neomutt offlineimap3 s-nail sieve-connect swaks
# Real KDCs and their clients, a wrong clock, and independent SASL clients
KRB5 = krb5-kdc krb5-admin-server krb5-user libfaketime gsasl sasl2-bin libsasl2-modules-gssapi-mit
# Other readers of messages, to compare with
READERS = dovecot-core libemail-mime-perl libemail-address-xs-perl libmailtools-perl
# Libraries of other languages that log in: for `make long` alone
RARE = libauthen-sasl-perl libdigest-hmac-perl libio-socket-ssl-perl libjakarta-mail-java \
	libmail-imapclient-perl libphp-phpmailer nodejs npm openjdk-17-jdk-headless php-cli php-imap ruby
# Users come from it
IMAPD = dovecot-imapd dovecot-pop3d dovecot-lmtpd
# Reads the audit log
READERS_OF_LOGS = fail2ban
# Looks at pictures of stacks
BROWSER = chromium
# Reads the units that are shipped
UNITS = systemd
DS389 = 389-ds-base python3-lib389
SAMBA = samba samba-ad-dc samba-ad-provision samba-dsdb-modules

MILTERS = clamav-daemon clamav-milter opendkim opendkim-tools opendmarc python3-milter spamass-milter spamd
TESTED = libpam0g libpam-modules libpam-radius-auth mariadb-server openssl passwd postgresql prometheus \
	slapd ldap-utils $(DS389) $(CLIENTS) $(KRB5) $(SAMBA) $(READERS) $(IMAPD) $(READERS_OF_LOGS) $(UNITS) $(BROWSER) $(MILTERS)

# What was compiled once is kept, also where the environment says otherwise
export PYTHONDONTWRITEBYTECODE =

# Processes that share the tests out
JOBS ?= auto
PYTEST = scripts/tests .venv/bin/python -m pytest -n $(JOBS)
ROUNDS ?= 10
CASES ?= 100000
USERS ?= 1000000

demo:
	@scripts/environment
	@.venv/bin/python examples/demo.py demo
	@.venv/bin/python examples/policy.py demo
	@.venv/bin/python examples/synchronization.py demo

# Postfix is only unpacked, where it is not installed: it would take the place of another mail server
demo-mail:
	@scripts/packages $(IMAPD) curl swaks uidmap
	@scripts/environment serve
	@.venv/bin/python examples/mail_demo.py

unit:
	@scripts/environment unit
	$(PYTEST) -m "not slow and not root and not servers"

test:
	@scripts/packages $(TESTED)
	@scripts/environment dev
	@scripts/heimdal >/dev/null
	@scripts/openid-provider >/dev/null
	$(PYTEST)

long:
	@scripts/packages $(TESTED) $(RARE)
	@scripts/environment dev
	UALAUTH_SEED=$${UALAUTH_SEED:-random} UALAUTH_ROUNDS=$(ROUNDS) $(PYTEST) -m "rounds or rare"

check:
	@scripts/environment dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

# 100,000 random stacks against the machine's own libpam
fuzz:
	@scripts/packages libpam0g libpam-modules
	@scripts/environment dev
	.venv/bin/python -m tests.oracle.fuzz --cases $(CASES)

bench:
	@scripts/packages libpam0g libpam-modules slapd ldap-utils dovecot-core dovecot-ldap gcc libc6-dev postgresql strace valgrind $(KRB5)
	@scripts/environment dev
	.venv/bin/python -m tests.benchmarks
	.venv/bin/python -m tests.benchmarks.userlist_scale $(USERS)
	.venv/bin/python -m tests.benchmarks.userlist_postgresql

# Instructions of a login, beside the figures of tests/benchmarks/instructions.json
bench-instructions:
	@scripts/packages gcc libc6-dev slapd ldap-utils valgrind
	@scripts/environment dev
	.venv/bin/python -m tests.benchmarks.compare

format:
	@scripts/environment dev
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

clean:
	rm -rf .venv demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# --- The documents' site, and how good the tests are

.PHONY: docs spelling coverage mutants package pythons

# What CI looks at with the code
check: docs spelling

# The site, in build/site/index.html; a warning is an error
docs:
	@scripts/environment dev
	.venv/bin/python -m sphinx -q -W --keep-going -j auto -c docs/site -d build/doctrees . build/site

spelling:
	@scripts/environment dev
	.venv/bin/codespell

# Lines and branches that the tests of `make unit` reach
coverage:
	@scripts/environment dev
	rm -rf build/coverage && mkdir -p build/coverage
	scripts/tests .venv/bin/coverage run -m pytest -n $(JOBS) -m "not slow and not root and not servers"
	.venv/bin/coverage combine -q
	.venv/bin/coverage report

# Small faults in a copy of the code, and which of them no test finds: MUTANTS of each room
MUTANTS ?= 25
mutants:
	@scripts/mutants $(MUTANTS)

# The sdist and the wheel, in dist/
package:
	@scripts/environment dev
	rm -rf dist
	.venv/bin/python -m build --no-isolation

# The tests of `make unit` with each Python that is here
pythons:
	@scripts/pythons
