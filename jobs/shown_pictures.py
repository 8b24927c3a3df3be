"""The restored pictures that a report shows, where a study keeps no file of them: made when they are asked for."""

import logging
from dataclasses import dataclass

from jobs.folders import open_folder
from jobs.pictures import load_set
from srcnn.contents import read_contents
from srcnn.experiment import Experiment
from srcnn.files import read_text, write_picture
from srcnn.paths import StudyPaths, view_folder
from srcnn.rendered import picture_file
from srcnn.words import told
from srcnn.yaml_text import read_yaml

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ShownPictures:
    """Writes restored pictures of a study to where others of their run and epoch lie."""

    paths: StudyPaths

    def __call__(self, run_id: str, epoch: int, set_name: str, image: str) -> None:
        """Write every view of a picture, restored by a run at an epoch; where that cannot be done, log why."""
        run = self.paths.run(run_id)
        try:
            experiment = Experiment.model_validate(read_yaml(read_text(run.config)))
            if not experiment.render.keeps_all and run.checkpoint(epoch).exists():
                self._write(experiment, run_id, epoch, set_name, image)
        except Exception as error:  # noqa: BLE001 - a network of the user's own may raise anything
            # The page says that a picture is not there, and is made all the same.
            _log.warning("%s/%s, epoch %d of run %s cannot be shown: %s", set_name, image, epoch, run_id, told(error))

    def _write(self, experiment: Experiment, run_id: str, epoch: int, set_name: str, image: str) -> None:
        from jobs.restored import restored_views  # torch, which most reports do without

        contents = read_contents(self.paths)
        if contents is None:
            return
        of_set, run = contents["sets"][set_name], self.paths.run(run_id)
        pictures = load_set(self.paths.root, of_set["set_id"])
        picture = next(each for each in pictures.pictures if each.name == image)
        views = restored_views(run, experiment, epoch, picture, picture.read(), "cpu")
        for view, pixels in views.items():
            folder = view_folder(run.rendered_epoch(of_set["group"], epoch), set_name, view)
            open_folder(folder, pictures, self.paths.folder)
            write_picture(picture_file(folder, image), pixels)
