"""Layouts: what a path says of a photograph's camera and device."""

import pytest

from corpus.cameras.catalogue import BUILT_IN, read_catalogue
from crawlers.folder.layouts import CHALLENGE_CLASSES, LAYOUTS, Labelled, read_path

CAMERAS = read_catalogue(BUILT_IN)


def read(layout, path, catalogue=CAMERAS):
    return read_path(LAYOUTS[layout], path, catalogue)


@pytest.mark.parametrize("path", ["a.jpg", "a/b c/d.jpg", "line\nbreak/x.jpg", "x" * 255])
def test_any_path_fits_where_exif_names_the_camera(path):
    assert read("exif", path) == Labelled()


@pytest.mark.parametrize("folder", ["iphone-6", "IPHONE-6", "Apple iPhone 6", "apple_iphone_6", "deep/er/iPhone 6"])
def test_a_folder_named_like_a_camera_labels_its_files(folder):
    assert read("folders", f"{folder}/any\nname.jpg") == Labelled("iphone-6", "iphone-6", None)


def test_only_the_folder_right_above_a_file_is_its_label():
    assert read("folders", "iphone-6/2016/x.jpg").labelled_camera is None
    assert read("folders", "iphone-6/nexus-5x/x.jpg").labelled_camera == "nexus-5x"
    assert read("folders", "iphone-6.jpg") is None


@pytest.mark.parametrize("folder", ["iphone", "iPhone 6 s2", "iPhone 6+", "Nikon D70 s2"])
def test_a_folder_named_almost_like_a_camera_is_no_label(folder):
    assert read("folders", f"{folder}/x.jpg") == Labelled(None, None, None)


def test_a_name_that_two_cameras_have_is_no_label(cameras):
    one, two = cameras.cameras
    alike = cameras.model_copy(update={"cameras": (one, two.model_copy(update={"name": one.name}))})
    assert read("folders", "Acme One/x.jpg", cameras).labelled_camera == "acme-one"
    assert read("folders", "Acme One/x.jpg", alike).labelled_camera is None
    assert read("folders", "acme-two/x.jpg", alike).labelled_camera == "acme-two"


@pytest.mark.parametrize(
    ("path", "camera"),
    [
        ("train/HTC-1-M7/(HTC-1-M7)1.jpg", "htc-one-m7"),
        ("train/iPhone-4s/(iP4s)2.jpg", "iphone-4s"),
        ("train/iPhone-6/(iP6)3.jpg", "iphone-6"),
        ("train/LG-Nexus-5x/(LG5x)15.jpg", "nexus-5x"),
        ("train/Motorola-Droid-Maxx/(MotoMax)18.jpg", "droid-maxx"),
        ("train/Motorola-Nexus-6/(MotoNex6)8.jpg", "nexus-6"),
        ("train/Motorola-X/(MotoX)275.jpg", "moto-x"),
        ("Samsung-Galaxy-Note3/(GalaxyN3)12.jpg", "galaxy-note-3"),
        ("sp-cup/train/Samsung-Galaxy-S4/(GalaxyS4)62.jpg", "galaxy-s4"),
        ("train/Sony-NEX-7/(Nex7)265.JPG", "nex-7"),
    ],
)
def test_the_challenges_folders_label_its_ten_cameras_one_device_each(path, camera):
    assert read("challenge", path) == Labelled(camera, camera, path.split("/")[-2])
    assert sorted(CHALLENGE_CLASSES.values()) == sorted(
        set(CHALLENGE_CLASSES.values()) & {c.key for c in CAMERAS.cameras}
    )


def test_a_class_outside_the_challenge_or_the_catalogue_is_no_label(cameras):
    assert read("challenge", "train/HTC-2/(HTC-2)1.jpg").labelled_camera is None
    assert read("challenge", "train/HTC-1-M7/(HTC-1-M7)1.jpg", cameras) == Labelled(None, None, "HTC-1-M7")


@pytest.mark.parametrize("lead", ["", "dataset/", "/".join("abc") + "/"])
@pytest.mark.parametrize("kind", ["flat", "nat"])
def test_vision_names_the_device_and_exif_stays_the_label(lead, kind):
    path = f"{lead}D02_Apple_iPhone4s/images/{kind}/D02_I_{kind}_0001.jpg"
    assert read("vision", path) == Labelled("iphone-4s", None, "D02")
    mini = path.replace("Apple_iPhone4s", "Samsung_GalaxyS3Mini")
    assert read("vision", mini) == Labelled("galaxy-s3-mini", None, "D02")
    assert read("vision", path.replace("Apple_iPhone4s", "Wiko_Ridge4G")) == Labelled(None, None, "D02")


@pytest.mark.parametrize("lead", ["", "FODB/"])
def test_fodb_names_the_device_and_exif_stays_the_label(lead):
    assert read("fodb", f"{lead}D01_Motorola_E3_1/orig/D01_img_orig_0001.jpg") == Labelled(None, None, "D01")
    assert read("fodb", f"{lead}D01_Motorola_E3/orig/D01_img_orig_0143.JPG") == Labelled(None, None, "D01")
    assert read("fodb", f"{lead}D09_Apple_iPhone6_1/orig/D09_img_orig_0001.jpg").claimed_camera == "iphone-6"


@pytest.mark.parametrize("lead", ["", "Agfa_DC-504_0/", "natural/jpeg/any (5)/"])
def test_dresden_names_the_device_in_the_files_name_and_exif_stays_the_label(lead):
    assert read("dresden", f"{lead}Agfa_DC-504_0_1.JPG") == Labelled(None, None, "Agfa_DC-504_0")
    mju = Labelled("olympus-mju-1050sw", None, "Olympus_mju_1050SW_3")
    assert read("dresden", f"{lead}Olympus_mju_1050SW_3_23680.JPG") == mju
    assert read("dresden", f"{lead}Praktica_DCZ5.9_3_35003.jpg") == Labelled(None, None, "Praktica_DCZ5.9_3")
    assert read("dresden", f"{lead}Nikon_D70_1_19443.JPG") == Labelled("nikon-d70", None, "Nikon_D70_1")


@pytest.mark.parametrize(
    ("layout", "path"),
    [
        ("challenge", "train/HTC-1-M7/IMG_0001.jpg"),
        ("challenge", "(HTC-1-M7)1.jpg"),
        ("challenge", "test/img_0002a4f_manip.tif"),
        ("vision", "D01_Samsung_GalaxyS3Mini/images/natWA/D01_I_natWA_0001.jpg"),
        ("vision", "D01_Samsung_GalaxyS3Mini/images/natFBH/D01_I_natFBH_0001.jpg"),
        ("vision", "D01_Samsung_GalaxyS3Mini/images/natFBL/D01_I_natFBL_0001.jpg"),
        ("vision", "D01_Samsung_GalaxyS3Mini/images/nat/D01_I_natWA_0001.jpg"),
        ("vision", "D01_Samsung_GalaxyS3Mini/images/nat/D02_I_nat_0001.jpg"),
        ("vision", "D01_Samsung_GalaxyS3Mini/videos/flat/D01_V_flat_move_0001.mp4"),
        ("fodb", "D01_Motorola_E3_1/whatsapp/D01_img_whatsapp_0001.jpg"),
        ("fodb", "D01_Motorola_E3_1/orig/D02_img_orig_0001.jpg"),
        ("dresden", "flatfield/Agfa_DC-504_0_1.JPG"),
        ("dresden", "Dresden/dark-frame/Agfa_DC-504_0/Agfa_DC-504_0_1.JPG"),
        ("dresden", "Agfa_DC-504_0/IMG_1.JPG"),
    ],
)
def test_copies_made_by_platforms_and_files_of_other_collections_do_not_fit(layout, path):
    assert read(layout, path) is None


def test_the_example_shown_to_a_person_whose_path_does_not_fit_does_fit():
    for name, layout in LAYOUTS.items():
        assert read(name, layout.example.split(",")[0]) is not None
