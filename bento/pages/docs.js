// validatorUrl: without it the page would send the document's address to another host.
window.addEventListener("load", () => {
  SwaggerUIBundle({ url: "./openapi.json", dom_id: "#addresses", validatorUrl: null });
});
