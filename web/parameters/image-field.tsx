import { ImagePlus, X } from "lucide";
import { useState } from "preact/hooks";
import { Button } from "../parts/button.tsx";
import { Field } from "../parts/field.tsx";
import { PictureInput } from "../parts/picture-input.tsx";
import { words } from "../text/index.ts";

interface ImageFieldProps {
  readonly label: string;
  readonly about?: string | undefined;
  readonly fault?: string | undefined;
  readonly value: string | undefined;
  readonly onChange: (value: string | undefined) => void;
}

/** An input image: shows a thumbnail, accepts a file, and can be removed. */
export function ImageField({ label, about, fault, value, onChange }: ImageFieldProps) {
  const [choosing, setChoosing] = useState(false);
  return (
    <Field label={label} about={about} fault={fault}>
      {(id) => (
        <div class="image-field" id={id}>
          {value !== undefined && <img src={`/images/${value}.webp?side=160`} alt={label} />}
          <Button icon={ImagePlus} onPress={() => setChoosing(true)}>
            {words.value.choosePicture}
          </Button>
          {value !== undefined && (
            <Button kind="quiet" icon={X} label={words.value.remove} onPress={() => onChange(undefined)} />
          )}
          {choosing && (
            <PictureInput
              onPicture={({ imageUUID }) => {
                onChange(imageUUID);
                setChoosing(false);
              }}
              onClose={() => setChoosing(false)}
            />
          )}
        </div>
      )}
    </Field>
  );
}
