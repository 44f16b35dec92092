using System.Net;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;

namespace TokenBroker.Samples.Quickstart.Check;

/// <summary>Where a browser arrived. Without a document it left for an app that is not here.</summary>
internal sealed record Page(Uri Address, HttpStatusCode Status, IDocument? Document)
{
    /// <summary>What the page says of itself, for a message.</summary>
    public string Words =>
        $"{Address.AbsolutePath} ({(int)Status}) '{Text("h1")}'{string.Concat(Document?.QuerySelectorAll("[role=alert], .error, .field-validation-error, .validation-summary-errors").Select(e => " " + e.TextContent.Trim()).Where(t => t.Length > 1).Distinct() ?? [])}";

    public Page MustBe(string path)
    {
        Expect.That(Status == HttpStatusCode.OK && Address.AbsolutePath == path, $"the page {path}", Words);
        return this;
    }

    public string Text(string selector) => Document?.QuerySelector(selector)?.TextContent.Trim() ?? "";

    public IElement Find(string selector) => Expect.Found(Document?.QuerySelector(selector), $"'{selector}' on the page", Words);

    public bool Has(string selector) => Document?.QuerySelector(selector) is not null;

    /// <summary>A button by its words, on the page or in one element of it.</summary>
    public IHtmlButtonElement Button(string words, IElement? within = null) => Expect.Found(
        (within ?? Document?.DocumentElement)?.QuerySelectorAll<IHtmlButtonElement>("button").FirstOrDefault(b => b.TextContent.Trim() == words),
        $"a button '{words}'",
        Words);

    public Page Write(string field, string value)
    {
        ((IHtmlInputElement)Find($"input[name='{field}']")).Value = value;
        return this;
    }

    /// <summary>As <see cref="Write"/>, sealed as the page's script would do it.</summary>
    public Page Seal(string field, string value) => Write(field, SealingBrowser.Seal(Find($"input[name='{field}'][data-seals]"), value));

    public Page Tick(string field, string value, bool on = true)
    {
        ((IHtmlInputElement)Find($"input[name='{field}'][value='{value}']")).IsChecked = on;
        return this;
    }

    public Page Select(string field, string value)
    {
        ((IHtmlSelectElement)Find($"select[name='{field}']")).Value = value;
        return this;
    }
}
