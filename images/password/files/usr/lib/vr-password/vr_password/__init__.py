"""The password server: hands each guest the password that was set for it, until the guest says it has it.

__main__.py   the program: reads its configuration, listens
protocol.py   requests in, replies out: what CloudStack's guests speak
forms.py      the fields of a POST
store.py      what has been served, acknowledged or sent to us
bounded.py    connections: how many, how long, how much
"""
