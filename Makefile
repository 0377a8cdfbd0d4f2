# What people type. Each target is a script; they say what they do.

.PHONY: up down plugins install-cli test check bench soak

# Installs what is missing, and shows two containers with addresses from Berth and a volume that both have.
# On a real LAN: make up PARENT=eth0 SUBNET=192.168.1.0/24 GATEWAY=192.168.1.1 [RANGE=192.168.1.192/26]
export PARENT SUBNET GATEWAY RANGE
up:
	@scripts/up

# Undoes it.
down:
	@scripts/down

# Builds the plugins into dist/ and creates them, not yet enabled, in the engine.
plugins:
	@scripts/plugins

# Installs berth, the operator's command, as $PREFIX/bin/berth: make install-cli [PREFIX=/usr/local]
export PREFIX
install-cli:
	@scripts/install-cli

test:
	@scripts/test

check:
	@npm run --silent check

bench:
	@npm run --silent bench

# The long forms of the fault tests.
soak:
	@scripts/test --soak
