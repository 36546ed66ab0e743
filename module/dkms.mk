# SPDX-License-Identifier: GPL-2.0
# What DKMS runs (see ../dkms.conf): the build by Kbuild between two checks
# whose failure is the build's.
here := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))

modules:
	$(here)/dkms-check before $(RELEASE) $(HEADERS)
	$(MAKE) -C $(HEADERS) M=$(here) modules
	$(here)/dkms-check after $(here)/libra.ko

.PHONY: modules
