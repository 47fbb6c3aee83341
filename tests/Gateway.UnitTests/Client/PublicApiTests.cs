using System.Reflection;
using System.Text;
using Gateway.Client;

namespace Gateway.UnitTests.Client;

/// <summary>The client's public surface is what <c>PublicApi.txt</c> says: a change of it is a decision.</summary>
public sealed class PublicApiTests
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static string Approved => Path.Combine(AppContext.BaseDirectory, "Client", "PublicApi.txt");

    [Fact]
    public async Task PublicSurface_IsTheApprovedOne()
    {
        string[] approved = await File.ReadAllLinesAsync(Approved, TestContext.Current.CancellationToken);
        string[] actual = [.. Describe(typeof(InferenceClient).Assembly)];

        string[] gone = [.. approved.Except(actual)];
        string[] added = [.. actual.Except(approved)];
        Assert.True(
            approved.SequenceEqual(actual),
            $"The public surface has changed. If that is meant, tests/Gateway.UnitTests/Client/PublicApi.txt should be:\n{string.Join('\n', actual)}\n\ngone:\n{string.Join('\n', gone)}\nadded:\n{string.Join('\n', added)}");
    }

    private static IEnumerable<string> Describe(Assembly assembly)
    {
        foreach (Type type in assembly.GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal))
        {
            yield return $"{(type.IsEnum ? "enum" : type.IsValueType ? "struct" : type.IsInterface ? "interface" : type.IsAbstract && type.IsSealed ? "static class" : type.IsSealed ? "sealed class" : "class")} {type.FullName}";
            foreach (string member in type.GetMembers(Declared).Where(IsWritten).Select(Describe).Order(StringComparer.Ordinal)) yield return $"  {member}";
        }
    }

    /// <summary>Whether a member is more than an accessor or what records have by themselves.</summary>
    private static bool IsWritten(MemberInfo member) =>
        member is not MethodInfo { IsSpecialName: true } && member.GetCustomAttribute<System.Runtime.CompilerServices.CompilerGeneratedAttribute>() is null;

    private static string Describe(MemberInfo member) => member switch
    {
        ConstructorInfo constructor => $"new({Parameters(constructor)})",
        MethodInfo method => $"{(method.IsStatic ? "static " : "")}{Name(method.ReturnType)} {method.Name}{Generics(method)}({Parameters(method)})",
        PropertyInfo property => $"{Name(property.PropertyType)} {property.Name}{(property.GetIndexParameters().Length > 0 ? "[]" : "")} {{{(property.CanRead ? " get;" : "")}{(property.SetMethod is { IsPublic: true } ? " set;" : "")} }}",
        FieldInfo field => $"{Name(field.FieldType)} {field.Name}",
        _ => member.ToString()!,
    };

    private static string Generics(MethodInfo method) => method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(Name))}>" : "";

    private static string Parameters(MethodBase method) =>
        string.Join(", ", method.GetParameters().Select(parameter => $"{Name(parameter.ParameterType)} {parameter.Name}{(parameter.HasDefaultValue ? " = " + (parameter.DefaultValue ?? "default") : "")}"));

    private static string Name(Type type)
    {
        if (type.IsArray) return Name(type.GetElementType()!) + "[]";
        if (!type.IsGenericType) return type.Name;
        StringBuilder name = new(type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)]);
        return name.Append('<').AppendJoin(", ", type.GetGenericArguments().Select(Name)).Append('>').ToString();
    }
}
