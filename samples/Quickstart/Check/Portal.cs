using AngleSharp.Dom;

namespace TokenBroker.Samples.Quickstart.Check;

/// <summary>The portal's first page: the apps that have access, and the buttons that stop them.</summary>
internal sealed class Portal
{
    private readonly Stage _stage;
    private readonly Page _page;

    private Portal(Stage stage, Page page)
    {
        _stage = stage;
        _page = page;
    }

    public static async Task<Portal> OpenAsync(Stage stage, CancellationToken cancellationToken) =>
        new(stage, (await stage.Browser.OpenAsync(stage.Servers.BrokerUrl, cancellationToken)).MustBe("/"));

    public IElement Row(string app) => _page.Find($"li.row[data-app='{app}']");

    public string StateOf(string app) => Row(app).QuerySelector(".badge")?.TextContent.Trim() ?? "";

    /// <summary>Whether the app is listed among those that ended.</summary>
    public bool HasEnded(string app) =>
        !_page.Has($"li.row[data-app='{app}']")
        && _page.Find("section[aria-labelledby='ended']").QuerySelectorAll(".row-title").Any(title => title.TextContent.Trim() == app);

    /// <summary>Presses a button in an app's row.</summary>
    public async Task<Portal> PressAsync(string app, string button, CancellationToken cancellationToken)
    {
        var page = await _stage.Browser.PressAsync(_page.Button(button, Row(app)), cancellationToken);
        return new Portal(_stage, page.MustBe("/"));
    }
}
