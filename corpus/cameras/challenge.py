"""Challenge: the ten cameras of the IEEE Signal Processing Cup 2018, by its own names.

https://www.kaggle.com/c/sp-society-camera-model-identification
"""

CHALLENGE_CLASSES = {
    "HTC-1-M7": "htc-one-m7",
    "iPhone-4s": "iphone-4s",
    "iPhone-6": "iphone-6",
    "LG-Nexus-5x": "nexus-5x",
    "Motorola-Droid-Maxx": "droid-maxx",
    "Motorola-Nexus-6": "nexus-6",
    "Motorola-X": "moto-x",
    "Samsung-Galaxy-Note3": "galaxy-note-3",
    "Samsung-Galaxy-S4": "galaxy-s4",
    "Sony-NEX-7": "nex-7",
}
"""The challenge's names of its cameras → keys in the built-in catalogue."""
