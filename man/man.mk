# The manual page, for the Makefile to include behind its rule for the program:
# make man, and make install.

.PHONY: man install-man
man: $(OUT)/connsnoop.1

$(OUT)/connsnoop.1: man/connsnoop.1.in man/generate $(OUT)/connsnoop
	$(call msg,MAN)
	$(Q)man/generate $(OUT)/connsnoop $< >$@

install-man: $(OUT)/connsnoop.1
	install -D -m 644 $< $(DESTDIR)$(PREFIX)/share/man/man1/connsnoop.1

install: install-man
