import { render } from "preact";
import "@fontsource-variable/newsreader/wght.css";
import "./style/tokens.css";
import "./style/base.css";
import "./style/controls.css";
import "./style/frame.css";
import "./style/stage.css";
import "./style/draw.css";
import "./style/overlays.css";
import { App } from "./app.tsx";
import { connect } from "./state/connection.ts";
import { followPreferences } from "./state/preferences.ts";
import { followLanguage } from "./text/index.ts";

followPreferences();
followLanguage();
render(<App />, document.getElementById("page")!);
void connect();
