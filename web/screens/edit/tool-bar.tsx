import { Brush, Contrast, Eraser, Expand, Eye, Lasso, Maximize, Redo2, SquareDashed, Trash2, Undo2 } from "lucide";
import { type MaskHistory, redoStroke, undoStroke } from "../../mask/strokes.ts";
import { Button } from "../../parts/button.tsx";
import { Icon } from "../../parts/icon.tsx";
import { words } from "../../text/index.ts";
import type { Tool } from "./mask-painter.ts";

interface ToolBarProps {
  readonly tool: Tool;
  readonly onTool: (tool: Tool) => void;
  readonly mask: MaskHistory;
  readonly onMask: (mask: MaskHistory) => void;
  readonly onInvert: () => void;
  readonly onClear: () => void;
  readonly onFit: () => void;
  readonly onBefore: (shown: boolean) => void;
}

const TOOLS = [
  ["brush", Brush, "B"],
  ["eraser", Eraser, "E"],
  ["box", SquareDashed, "R"],
  ["lasso", Lasso, "L"],
  ["extend", Expand, undefined],
] as const;

export function ToolBar({ tool, onTool, mask, onMask, onInvert, onClear, onFit, onBefore }: ToolBarProps) {
  const t = words.value;
  return (
    <div class="tool-bar" role="toolbar" aria-label={t.tools}>
      {TOOLS.map(([name, icon, key]) => (
        <Button
          key={name}
          kind="quiet"
          icon={icon}
          label={t.toolNames[name]}
          {...(key !== undefined && { shortcut: key })}
          pressed={tool === name}
          onPress={() => onTool(name)}
        />
      ))}
      <span class="divider" />
      <Button
        kind="quiet"
        icon={Undo2}
        label={t.undo}
        shortcut="Ctrl+Z"
        disabled={mask.strokes.length === 0}
        onPress={() => onMask(undoStroke(mask))}
      />
      <Button
        kind="quiet"
        icon={Redo2}
        label={t.redo}
        shortcut="Shift+Ctrl+Z"
        disabled={mask.undone.length === 0}
        onPress={() => onMask(redoStroke(mask))}
      />
      <Button kind="quiet" icon={Contrast} label={t.invert} shortcut="X" onPress={onInvert} />
      <Button kind="quiet" icon={Trash2} label={t.clear} onPress={onClear} />
      <span class="gap" />
      <Button kind="quiet" icon={Maximize} label={t.fit} shortcut="0" onPress={onFit} />
      <button
        type="button"
        class="button quiet only-icon"
        aria-label={t.holdForBefore}
        title={`${t.holdForBefore} (H)`}
        onPointerDown={() => onBefore(true)}
        onPointerUp={() => onBefore(false)}
        onPointerLeave={() => onBefore(false)}
      >
        <Icon of={Eye} />
      </button>
    </div>
  );
}
