"""What our server adds to the head of Streamlit's page: where the server is, and the steps of the browser's history."""

HEAD = b"<head>"

# BACKEND_BASE_URL: on a page below the root Streamlit's client first looks for its server under that page, and the
# browser logs two errors; told where the server is, it does not look.
# pushState: Streamlit clears the address of the page that is left, enters the next one, and that adds which run it
# shows: three entries of the history for one click. What changes the address without the visitor doing anything in
# between is one step, so that one press of Back undoes one click. A click without a pointer (`detail` is 0) comes from
# a key, or alone: assistive technology and control by voice send nothing else.
ADDITION = b"""<head><script>
window.__streamlit = {BACKEND_BASE_URL: location.origin + '/'};
{
  let stepped = true;
  const push = history.pushState.bind(history);
  history.pushState = (...to) => {
    if (stepped) history.replaceState(...to);
    else push(...to);
    stepped = true;
  };
  for (const act of ['pointerdown', 'keydown']) addEventListener(act, () => { stepped = false; }, true);
  addEventListener('click', (act) => { if (act.detail === 0) stepped = false; }, true);
  addEventListener('popstate', () => { stepped = true; }, true);
}
</script>"""
