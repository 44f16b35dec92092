using TokenBroker.Apps;

namespace TokenBroker.Pages;

/// <summary>What the partial of the same name shows: the app's logo, or its initial.</summary>
/// <param name="App">Whose.</param>
/// <param name="Large">As at consent.</param>
/// <param name="EvenUnreviewed">To the owner and the reviewer alone: users see a picture only of an approved app.</param>
internal sealed record AppPicture(App App, bool Large = false, bool EvenUnreviewed = false);
