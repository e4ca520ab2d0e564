"""What aircraft say of themselves: Mode S frames, BaseStation lines and aircraft.json objects to scans.

Read `receiver` first.

    receiver      the stage: flights by sensor and address, what is believed of them, scans
    report        one message, whichever way it came, in SI units with sigmas
"""
