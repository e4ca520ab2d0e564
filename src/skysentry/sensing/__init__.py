"""From `Packet` and `Block` to `Scan`: stateful stages, a folder for each kind of sensor.

Each folder says what it holds; the file named here is its stage, and the place to begin.

    acoustic/     microphones: `detector` hears drones, `array.detector` tells directions too
    remote_id/    what drones say of themselves by law: `receiver` keeps each claim, believes none
    adsb/         what aircraft say of themselves: `receiver`
    rf/           samples of radio: `droneid_receiver` (DJI's own claims), `link_detector` (links without a name),
                  `tdoa_receiver` (places by differences of arrival), `bearing` (lines of a direction finder)

The folders do not know each other, but for `rf`: what DroneID claims is weighed by the checks of `remote_id`
(import-linter holds them to it).
"""
